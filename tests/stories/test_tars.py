"""Tars in, tars out: samples keep their order and keys, and a tar is whole or not there."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import COMMAND, run
from lossless_runs import compress, names
from PIL import Image
from sample_files import encoded
from tar_files import tar_of

from cnncompress.batch.jobs import WorkSettings
from cnncompress.batch.tar_marker import tar_work
from cnncompress.codec.encode_settings import EncodeSettings
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.probe import probe


def picture(seed: int, ending: str = "png") -> bytes:
    rows, columns = np.mgrid[0:24, 0:32]
    pixels = np.stack([rows * 5, columns * 3, (rows + seed) % 256], axis=2).astype(np.uint8)
    return encoded(Image.fromarray(pixels), {"jpg": "JPEG"}.get(ending, ending))


def read_tar(path: str | Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]


def samples(first: int, count: int) -> dict[str, bytes]:
    contents = {}
    for number in range(first, first + count):
        contents[f"{number:04}.json"] = json.dumps({"number": number}).encode()
        contents[f"{number:04}.png"] = picture(number)
        contents[f"{number:04}.txt"] = b"P2 is how a caption may begin"
    return contents


@pytest.fixture
def tars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three tars of four samples."""
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        (tmp_path / f"in-{number:03}.tar").write_bytes(tar_of(samples(4 * number, 4)))
    return tmp_path


def compress_tars(*arguments: str, **variables: str) -> tuple[int, str]:
    result = compress("--tar", "in-000.tar", "in-001.tar", "in-002.tar", "-d", "out", *arguments, **variables)
    return result.exit_code, result.stderr


def test_there_and_back(tars: Path) -> None:
    code, messages = compress_tars("--json-file", "log.jsonl")
    assert code == 0 and "12 images in 3 tars compressed" in messages
    for number in range(3):
        before, after = read_tar(f"in-{number:03}.tar"), read_tar(f"out/in-{number:03}.tar")
        assert list(after) == [name.replace(".png", ".cnc") for name in before], "order and keys"
        assert all(after[name] == data for name, data in before.items() if not name.endswith(".png"))
        assert all(probe(data).coding == "lossless" for name, data in after.items() if name.endswith(".cnc"))
    lines = [json.loads(line) for line in Path("log.jsonl").read_text().splitlines()]
    assert [line["tar"] for line in lines[:-1]] == [{"images": 4, "others": 8, "pixels": 3072, "failures": []}] * 3
    assert (lines[-1]["images"], lines[-1]["megapixels"]) == (12, 0.009)

    assert run("decompress", "--tar", "-r", "out", "-d", "back").exit_code == 0
    for number in range(3):
        before, after = read_tar(f"in-{number:03}.tar"), read_tar(f"back/in-{number:03}.tar")
        assert list(after) == list(before)
        for name, data in before.items():
            if name.endswith(".png"):
                assert Image.open(io.BytesIO(after[name])).tobytes() == Image.open(io.BytesIO(data)).tobytes()
            else:
                assert after[name] == data


def test_the_members_are_what_files_would_become(tars: Path) -> None:
    Path("in").mkdir()
    for name, data in samples(0, 4).items():
        if name.endswith(".png"):  # by its content the text would be an image, too
            Path("in", name).write_bytes(data)
    assert compress("-r", "in", "-d", "files").exit_code == 0
    assert compress_tars()[0] == 0
    images = {name: data for name, data in read_tar("out/in-000.tar").items() if name.endswith(".cnc")}
    assert images == {name: Path("files", name).read_bytes() for name in names(Path("files"))}


def test_finished_tars_are_skipped(tars: Path) -> None:
    assert compress_tars()[0] == 0
    whole = {name: Path("out", name).read_bytes() for name in names(Path("out"))}
    assert sorted(whole) == sorted(f"in-{n:03}.tar{end}" for n in range(3) for end in ("", ".json"))
    assert compress_tars("--skip-existing") == (0, "cnncompress: 3 skipped (finished already)\n")
    code, messages = compress_tars()
    assert code == 1 and messages.count("exists already; -f replaces it") == 3
    Path("out/in-001.tar").unlink()  # as after a kill between marker and tar
    with open("out/in-002.tar", "ab") as stream:
        stream.write(bytes(512))
    code, messages = compress_tars("--skip-existing")
    assert code == 0 and "8 images in 2 tars compressed" in messages and "1 skipped" in messages
    again = {name: Path("out", name).read_bytes() for name in names(Path("out"))}
    assert {name: data for name, data in again.items() if name.endswith(".tar")} == {
        name: data for name, data in whole.items() if name.endswith(".tar")
    }
    Path("out/in-000.tar.json").unlink()
    code, messages = compress_tars("--skip-existing")
    assert code == 1 and "exists already, without the marker out/in-000.tar.json; -f replaces it" in messages
    assert compress_tars("-f")[0] == 0


def test_scattered_samples_are_noticed(tars: Path) -> None:
    scattered = {f"{n:04}.png": picture(n) for n in range(3)} | {f"{n:04}.json": b"{}" for n in range(2)}
    Path("in-000.tar").write_bytes(
        tar_of({"README": b"no sample", **scattered, "LICENSE": b"none", "0001.txt": b"text"})
    )
    result = compress("--tar", "in-000.tar", "-d", "out")
    assert result.exit_code == 0
    about = "2 samples with members that are not next to each other, which WebDataset reads as several samples"
    assert result.stderr.startswith(f"cnncompress: in-000.tar: {about}\n")
    assert len(read_tar("out/in-000.tar")) == 8
    assert "next to each other" not in compress("--tar", "in-001.tar", "-d", "out").stderr


def test_names_that_collide_are_noticed_however_far_apart(tars: Path) -> None:
    Path("in-000.tar").write_bytes(tar_of({"0.png": picture(0), "1.png": picture(1), "0.jpg": picture(0, "jpg")}))
    result = compress("--tar", "in-000.tar", "-d", "out")
    assert result.exit_code == 1 and "0.jpg: would become 0.cnc, which its sample has already" in result.stderr
    assert list(read_tar("out/in-000.tar")) == ["0.cnc", "1.cnc"]


@pytest.mark.parametrize(
    "options",
    [("--append-suffix",), ("--strip", "exif"), ("--if-larger", "keep")],
)
def test_tars_of_other_settings_are_not_finished(tars: Path, options: tuple[str, ...]) -> None:
    assert compress_tars()[0] == 0
    before = {name: Path("out", name).read_bytes() for name in names(Path("out"))}
    code, messages = compress_tars("--skip-existing", *options)
    assert code == 1 and messages.count("exists already, made with other settings; -f replaces it") == 3
    assert {name: Path("out", name).read_bytes() for name in names(Path("out"))} == before


def test_engine_and_precision_count_where_a_model_is_used() -> None:
    lossy, lossless = (WorkSettings(encode=EncodeSettings(coding)) for coding in ("learned", "lossless"))
    models = [ModelSettings(), ModelSettings(engine="torch"), ModelSettings(engine="torch", precision="bf16")]
    assert len({tar_work("compress", lossy, model) for model in models}) == 3
    assert len({tar_work("compress", lossless, model) for model in models}) == 1
    assert tar_work("compress", lossy, ModelSettings(device="cpu", threads=4)) == tar_work("compress", lossy, models[0])


def test_tars_of_other_inputs_are_not_finished(tars: Path) -> None:
    assert compress_tars()[0] == 0
    other = Path("other/in-000.tar")
    other.parent.mkdir()
    other.write_bytes(tar_of(samples(40, 4)))
    assert other.stat().st_size == Path("in-000.tar").stat().st_size, "tars are padded"
    os.utime(other, (1_700_000_000, 1_700_000_000))
    result = compress("--tar", other, "-d", "out", "--skip-existing")
    assert result.exit_code == 5 and "exists already, made of another tar: in-000.tar had" in result.stderr
    copy = Path("copy/in-000.tar")
    copy.parent.mkdir()
    shutil.copy2(Path("in-000.tar"), copy)
    result = compress("--tar", copy, "-d", "out", "--skip-existing")
    assert result.stderr == "cnncompress: 1 skipped (finished already)\n"
    shutil.copy2(Path("in-000.tar"), "renamed.tgz")
    Path("out/renamed.tar").write_bytes(Path("out/in-000.tar").read_bytes())
    Path("out/renamed.tar.json").write_bytes(Path("out/in-000.tar.json").read_bytes())
    assert compress("--tar", "renamed.tgz", "-d", "out", "--skip-existing").exit_code == 5


def test_what_fails_is_left_out_and_listed(tars: Path) -> None:
    contents = samples(0, 3) | {"0003.jpg": b"no image", "0003.json": b"{}", "0004.png": picture(1)[:60]}
    Path("in-000.tar").write_bytes(tar_of(contents))
    result = compress("--tar", "in-000.tar", "-d", "out", "--json")
    assert result.exit_code == 1
    assert "cnncompress: in-000.tar: 0004.png: " in result.stderr
    assert "in-000.tar: 2 of 5 images failed, and the rest was written" in result.stderr
    assert list(read_tar("out/in-000.tar"))[-2:] == ["0002.txt", "0003.json"]
    line = json.loads(result.stdout.splitlines()[0])
    assert [failure["member"] for failure in line["tar"]["failures"]] == ["0003.jpg", "0004.png"]
    assert {failure["exit_code"] for failure in line["tar"]["failures"]} == {3}
    result = compress("--tar", "in-000.tar", "-d", "out", "--skip-existing")
    assert result.exit_code == 0 and "2 images failed when out/in-000.tar was made; -f tries again" in result.stderr


def test_two_images_of_a_name_in_one_sample(tars: Path) -> None:
    Path("in-000.tar").write_bytes(tar_of({"a.png": picture(1), "a.jpg": picture(2, "jpg"), "b.png": picture(3)}))
    result = compress("--tar", "in-000.tar", "-d", "out")
    assert result.exit_code == 1 and "a.jpg: would become a.cnc, which its sample has already" in result.stderr
    assert list(read_tar("out/in-000.tar")) == ["a.cnc", "b.cnc"]
    assert compress("--tar", "in-000.tar", "-d", "both", "--append-suffix").exit_code == 0
    assert list(read_tar("both/in-000.tar")) == ["a.png.cnc", "a.jpg.cnc", "b.png.cnc"]


def test_a_damaged_tar_makes_none(tars: Path) -> None:
    data = Path("in-001.tar").read_bytes()
    Path("in-001.tar").write_bytes(data[: len(data) // 2])
    code, messages = compress_tars()
    assert code == 1 and "in-001.tar: not a whole tar archive: " in messages
    assert names(Path("out")) == ["in-000.tar", "in-000.tar.json", "in-002.tar", "in-002.tar.json"]


def test_shards_of_tars(tars: Path) -> None:
    assert compress_tars("--shard", "1/2")[0] == 0
    assert names(Path("out")) == ["in-001.tar", "in-001.tar.json"]
    assert compress_tars("--shard", "0/2")[0] == 0
    assert len(names(Path("out"))) == 6


def test_a_dry_run_lists_tars(tars: Path) -> None:
    code, messages = compress_tars("-N")
    assert code == 0 and "in-000.tar -> out/in-000.tar: would be compressed" in messages and not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["in-000.tar"], 2, "--tar needs --output-dir"),
        (["in-000.tar", "-d", "out", "--rm"], 2, "--tar and --rm exclude each other"),
        (["in-000.tar", "-d", "out", "--newer"], 2, "--tar and --newer exclude each other"),
        (["in-000.tar", "-d", "."], 5, "in-000.tar: is the input itself"),
        (["missing.tar", "-d", "out"], 3, "missing.tar: no such file"),
    ],
)
def test_wrong_command_lines(tars: Path, arguments: list[str], exit_code: int, message: str) -> None:
    result = compress("--tar", *arguments)
    assert result.exit_code == exit_code and message in result.stderr
    assert not Path("out").exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_run_leaves_no_partial_tar(tars: Path, number: signal.Signals) -> None:
    assert compress_tars()[0] == 0
    whole = read_tar("out/in-000.tar")
    Path("in-000.tar").write_bytes(tar_of(samples(0, 3000)))
    command = [*COMMAND, "compress", "--lossless", "--tar", "in-000.tar", "in-001.tar", "-d", "new", "-j", "1"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not any(Path("new").glob(".*.part")):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.5)
    process.send_signal(number)
    process.wait()
    assert not any(path.suffix in (".tar", ".json") for path in Path("new").iterdir())
    assert number == signal.SIGKILL or not any(Path("new").iterdir()), "a signal that can be caught leaves nothing"
    Path("in-000.tar").write_bytes(tar_of(samples(0, 4)))
    assert subprocess.run([*command, "--skip-existing"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    assert read_tar("new/in-000.tar") == whole
