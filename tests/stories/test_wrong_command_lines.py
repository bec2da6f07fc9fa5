"""What does not go together on a command line is refused before any work, and the environment is checked like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_line import run
from lossless_runs import compress, names


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-o", "x", "-d", "y", "a.bmp"], "-o and -d exclude each other"),
        (["-o", "x", "-c", "a.bmp"], "-o and -c exclude each other"),
        (["-o", "x", "a.bmp", "b.bmp"], "use --output-dir for several inputs"),
        (["-c", "a.bmp", "b.bmp"], "use --output-dir for several inputs"),
        (["-r", ".", "x.cnc"], "use --output-dir for several inputs"),
        (["--flat", "a.bmp"], "--flat needs --output-dir"),
        (["--root", ".", "a.bmp"], "--root needs --output-dir"),
        (["--copy-others", "a.bmp"], "--copy-others needs --output-dir"),
        (["--flat", "--root", ".", "-d", "x", "a.bmp"], "--flat and --root exclude each other"),
        (["--root", "elsewhere", "-d", "x", "a.bmp"], "a.bmp is not below elsewhere, the folder of --root"),
        (["-f", "--newer", "a.bmp"], "--force and --newer exclude each other"),
        (["--skip-existing", "--newer", "a.bmp"], "--skip-existing and --newer exclude each other"),
        (["-0", "a.bmp"], "-0 needs --files-from"),
        (["--include", "*", "a.bmp"], "--include and --exclude need -r"),
        (["a.bmp", "."], ". is a folder: -d . writes into it, -r searches it"),
        (["a.bmp", "b.bmp", "./"], "./ is a folder: -d ./ writes into it, -r searches it"),
        (["--files-from", "a.bmp", "."], ". is a folder: -d . writes into it"),
        (["-", "a.bmp"], "Standard input must be the only input"),
        (["-", "-d", "x"], "Standard input must be the only input; name its output with -o"),
        (["--files-from", "-", "-"], "Standard input cannot be both"),
        (["--rm", "a.bmp", "-"], "--rm needs files as input and output"),
        (["--rm", "-", "-o", "x.cnc"], "--rm needs files as input and output"),
        (["--quiet", "-v", "a.bmp"], "--quiet and -v exclude each other"),
        (["--json", "a.bmp", "-"], "use --json-file"),
        (["--json-file", "-", "a.bmp"], "--json-file needs a file"),
        (["--json-file", "{shard}.jsonl", "a.bmp"], "{shard} in --json-file needs --shard"),
        (["-q", "50", "a.bmp"], "--quality and --lossless exclude each other"),
        (["--bpp", "1", "a.bmp"], "--bpp and --lossless exclude each other"),
        (["--strip", "exif,all,mtime", "a.bmp"], "'mtime' is not one of all, exif, xmp, icc, gps"),
        (["--background", "red", "a.bmp"], "'red' is not like #RRGGBB"),
        (["--device", "cuda:0,cpu", "a.bmp"], "several devices must all be cuda devices"),
        (["--device", "cuda,cuda:0", "a.bmp"], "a device is named twice"),
        (["--precision", "fp16", "a.bmp"], "'fp16' is not one of"),
        (["-T", "-1", "a.bmp"], "-1 is not in the range"),
        (["-j", "0", "a.bmp"], "0 is not in the range"),
        (["--frame", "-1", "a.bmp"], "-1 is not in the range"),
        (["--max-dim", "65536", "a.bmp"], "65536 is not in the range"),
    ],
)
def test_wrong_command_lines_exit_with_2(folder: Path, args: list[str], message: str) -> None:
    result = compress(*args)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert message in result.stderr.replace("\n", " ")
    assert names(folder) == ["a.bmp", "b.bmp"]


@pytest.mark.parametrize(
    ("option", "value"),
    [("--max-pixels", "1"), ("--model", "none"), ("--device", "cuda:7"), ("--jobs", "2"), ("--ray", "x")],
)
def test_options_for_decoding_need_decode(option: str, value: str, folder: Path) -> None:
    compress("a.bmp")
    result = run("test", option, value, "a.cnc")
    assert result.exit_code == 2 and f"{option} needs --decode" in result.stderr
    assert run("test", "a.cnc", CNNCOMPRESS_MODEL="none", CNNCOMPRESS_THREADS="1").exit_code == 0


def test_force_needs_a_file_to_replace(folder: Path) -> None:
    compress("a.bmp")
    for words, needed in (("test", "--json-file"), ("test --decode", "--json-file"), ("info", "--bits")):
        result = run(*words.split(), "-f", "a.cnc")
        assert result.exit_code == 2 and f"--force needs {needed}." in result.stderr


def test_environment(folder: Path) -> None:
    def message(*args: str, **variables: Any) -> str:
        result = run("compress", "a.bmp", *args, **variables)
        return f"{result.exit_code} {result.stderr}"

    assert message(CNNCOMPRESS_MODEL="none").startswith("6 cnncompress: no model named 'none'; available: ")
    missing = f"{folder}/manifest.json: no such file or directory (CNNCOMPRESS_MODEL_DIR names the folder)"
    assert message(CNNCOMPRESS_MODEL_DIR=str(folder)) == f"6 cnncompress: {missing}\n"
    assert message("--model", "other", CNNCOMPRESS_MODEL="none").startswith("6 cnncompress: no model named 'other'")
    assert "CNNCOMPRESS_DEVICE" in message(CNNCOMPRESS_DEVICE="gpu")
    assert message(CNNCOMPRESS_THREADS="many").startswith("2 ")
    assert compress("a.bmp", CNNCOMPRESS_MODEL="none").exit_code == 0, "none is needed"
