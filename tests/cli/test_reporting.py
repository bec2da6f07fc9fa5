"""What a run keeps of its failures, and the file of ``--json-file``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import run
from PIL import Image

from cnncompress.batch.outcomes import failure
from cnncompress.batch.plan import Plan
from cnncompress.cli.options.messages import MessageOptions
from cnncompress.cli.reporting import Reporter
from cnncompress.errors import UnreadableImage


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.radial_gradient("L").resize((60, 40)).convert("RGB").save("a.bmp")
    Path("links").mkdir()
    Path("links/hard.bmp").hardlink_to("a.bmp")
    Path("here").symlink_to(tmp_path)
    return tmp_path


FOREIGN = "exists already, and is not a log that this run could append to"
OF_RUN = "is an input or output of this run"


@pytest.mark.parametrize(
    ("log", "going_on"),
    [
        ("a.bmp", FOREIGN),
        ("./a.bmp", FOREIGN),
        ("here/a.bmp", FOREIGN),
        ("links/hard.bmp", FOREIGN),
        ("x.cnc", OF_RUN),
        ("here/x.cnc", OF_RUN),
    ],
)
def test_a_log_is_no_file_of_its_run(log: str, going_on: str, folder: Path) -> None:
    before = (folder / "a.bmp").read_bytes()
    for policy, expected in (("-f", OF_RUN), ("--skip-existing", going_on)):
        result = run("compress", "--lossless", policy, "a.bmp", "-o", "x.cnc", "--json-file", log)
        assert result.exit_code == 5 and result.stderr.startswith(f"cnncompress: {log}: {expected}"), result.stderr
        assert (folder / "a.bmp").read_bytes() == before and not (folder / "x.cnc").exists()


@pytest.mark.parametrize("written", ["--json-file", "-o"])
@pytest.mark.parametrize("file", ["list", "here/list", "mine.safetensors"])
def test_nothing_is_written_over_the_list_or_the_weights(written: str, file: str, folder: Path) -> None:
    Path("list").write_text("a.bmp\n")
    Path("mine.safetensors").write_bytes(b"weights")
    words = ("--files-from", "list", "--model", "mine.safetensors", *(("-d", "out") if written != "-o" else ()))
    result = run("compress", "--lossless", "-f", *words, written, file)
    assert result.exit_code == 5 and result.stderr.startswith(f"cnncompress: {file}: is "), result.stderr
    assert Path("list").read_text() == "a.bmp\n" and Path("mine.safetensors").read_bytes() == b"weights"
    assert not Path("out").exists()


@pytest.mark.parametrize("options", [(), ("--decode",)])
def test_a_log_of_test_is_no_file_that_it_tests(options: tuple[str, ...], folder: Path) -> None:
    run("compress", "--lossless", "a.bmp")
    before = (folder / "a.cnc").read_bytes()
    result = run("test", *options, "-f", "a.cnc", "--json-file", "here/a.cnc")
    assert result.exit_code == 5 and "is an input or output of this run: a.cnc" in result.stderr
    assert (folder / "a.cnc").read_bytes() == before


def test_a_run_that_goes_on_appends_to_its_log_alone(folder: Path) -> None:
    words = ("compress", "--lossless", "a.bmp", "--json-file", "log")
    assert run(*words).exit_code == 0
    first = Path("log").read_text()
    for policy in ("--skip-existing", "--newer"):
        assert run(*words, policy).exit_code == 0
    text = Path("log").read_text()
    statuses = [json.loads(line).get("status", "summary") for line in text.splitlines()]
    assert text.startswith(first) and statuses == ["ok", "summary", "skipped", "summary", "skipped", "summary"]
    for other in ("a letter", '{"schema": 2, "codecs": []}\n'):  # the latter as eval writes it
        Path("log").write_text(other)
        refused = run(*words, "--skip-existing")
        assert (refused.exit_code, Path("log").read_text()) == (5, other)
        assert "log: exists already, and is not a log that this run could append to" in refused.stderr


def test_few_failures_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    options = MessageOptions(quiet=False, verbose=0, progress=True, json=False, json_file=None)
    reporter = Reporter(options, "compress", Plan((), (), (), single=False), None)
    for number in range(1000):
        reporter.add(failure(f"{number}.png", UnreadableImage("no such file")))
    kept = [value for value in vars(reporter).values() if isinstance(value, list)]
    assert [len(each) for each in kept] == [10] and not [
        v for v in vars(reporter.totals).values() if isinstance(v, list)
    ]
    capsys.readouterr()
    reporter.finish(0, 1)
    *_, last, more = capsys.readouterr().err.splitlines()
    assert last == "cnncompress: failed: 9.png: no such file" and more == "cnncompress: failed: 990 more files"
