"""The README says what is true."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from cnncompress import errors
from cnncompress.cli.main import COMMANDS, program
from cnncompress.evaluation.markdown import bd_rate_markdown, curve_markdown
from cnncompress.evaluation.names import CNC
from cnncompress.evaluation.plain_text import default_quality_sentence
from cnncompress.evaluation.results import read_results

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
README = (ROOT / "README.md").read_text(encoding="utf-8")

SOME_FAILED, CLICK_USAGE, SIGNALS = 1, 2, {130, 141, 143}


def _subclasses(cls: type[errors.CnncompressError]) -> set[type[errors.CnncompressError]]:
    children = set(cls.__subclasses__())
    return children.union(*(_subclasses(child) for child in children))


def test_exit_code_table_is_complete() -> None:
    table = re.findall(r"^\| ([\d, ]+) \|", README, flags=re.MULTILINE)
    documented = {int(code) for row in table for code in row.split(",")}
    in_errors_module = {
        cls.exit_code for cls in _subclasses(errors.CnncompressError) if cls.__module__ == errors.__name__
    }
    assert documented == in_errors_module | {0, SOME_FAILED, CLICK_USAGE} | SIGNALS


def test_every_command_is_in_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)[^`]*` \|", README, flags=re.MULTILINE)
    assert rows == list(COMMANDS)


def test_every_option_is_one() -> None:
    section = README[README.index("## Command line") : README.index("## Training")]
    known = {
        option
        for name in COMMANDS
        for parameter in program.get_command(click.Context(program), name).params  # type: ignore[union-attr]
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    mentioned = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+|-[A-Za-z0])(?![\w-])", section))
    assert mentioned - known - {"-h", "--help", "-name", "-n"} == set()


def test_what_the_default_quality_means() -> None:
    cnc = read_results(RESULTS / "kodak.json").codec(CNC)
    sentence = str(default_quality_sentence(cnc)).replace("these 24 images.", "the 24 Kodak images")
    assert sentence in " ".join(README.split()), "python scripts/report_rd.py docs/results/kodak.json prints it"


@pytest.mark.parametrize(
    ("document", "block", "name"),
    [
        ("README.md", "results", "kodak"),
        ("models/base.md", "results", "kodak"),
        ("models/base.md", "cid22", "cid22"),
        ("models/base.md", "screens", "screens"),
    ],
)
def test_tables_of_results_are_those_measured(document: str, block: str, name: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    shown = text[text.index(f"<!-- {block} -->") :].split("<!-- end -->")[0]
    results = read_results(RESULTS / f"{name}.json")
    cnc = results.codec(CNC)
    command = f"python scripts/report_rd.py docs/results/{name}.json --markdown prints it"
    assert bd_rate_markdown(results, cnc) in shown, command
    assert document == "README.md" or curve_markdown(cnc) in shown, command


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_results_are_explained(path: Path) -> None:
    read_results(path)
    assert f"`{path.name}`" in (RESULTS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("script", sorted(set(re.findall(r"python ((?:scripts|benchmarks)[\w/.]*)", README))))
def test_scripts_exist(script: str) -> None:
    assert (ROOT / script).exists()
