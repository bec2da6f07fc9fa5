"""The documents as a web site (mkdocs.yml): it builds without a warning, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from loaded_scripts import load_script

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    pytest.importorskip("mkdocs", reason="pip install 'cnncompress[docs]'")
    return load_script("scripts/site_pages.py")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "link", "turned"),
    [
        ("index.md", "docs/FORMAT.md", "FORMAT.md"),
        ("index.md", "models/base.md", "base.md"),
        ("base.md", "../docs/results/README.md", "results/README.md"),
        ("ARTICLE.md", "../README.md#training", "index.md#training"),
        ("ARTICLE.md", "TRAINING.md", "TRAINING.md"),
        ("results/README.md", "../../models/base.md", "../base.md"),
        ("results/README.md", "../TRAINING.md", "../TRAINING.md"),
        ("index.md", "pyproject.toml", "pyproject.toml"),
        ("index.md", "https://example.org/docs/a.md", "https://example.org/docs/a.md"),
        ("index.md", "#training", "#training"),
    ],
)
def test_links_lead_to_pages(script: ModuleType, page: str, link: str, turned: str) -> None:
    assert script.with_page_links(f"See [it]({link}).", page) == f"See [it]({turned})."


@pytest.mark.slow
def test_it_builds_and_loads_nothing_from_elsewhere(script: ModuleType, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert {"index.html", "base.html", "ARTICLE.html", "COMPARISON.html"} <= {page.name for page in pages}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]+src=[\"']?([^\"'\s>]+)", text)
        loaded += re.findall(r"<link[^>]+rel=[\"']?(?:stylesheet|preconnect|preload)[^>]+", text)
        assert [target for target in loaded if "//" in target] == [], page
