"""The documents point to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path for folder in (".", "docs", "docs/results", "models") for path in (ROOT / folder).glob("*.md"))
PARTS = ("", "cnncompress", "tests", "docs")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_files(document: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`]*`", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", prose)
    files = {link.split("#")[0] for link in links if "://" not in link}
    assert {name for name in files if name and not (document.parent / name).exists()} == set()


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md", "RELEASE.md", "SECURITY.md"])
def test_paths_in_text(name: str) -> None:
    """``cli/main.py`` may be short for ``cnncompress/cli/main.py``."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    paths = set(re.findall(r"`([\w.]+(?:/[\w.]+)+/?|[\w]+\.(?:py|md))`", text)) - {"Z.Y"}
    missing = {path for path in paths if not any((ROOT / part / path).exists() for part in PARTS)}
    assert paths and missing == set()
