"""Parts, previews and damaged files on the command line, and the limit on memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image
from random_model import write_random_model

from cnncompress.api.calls import compress
from cnncompress.bitstream.container import pack, unpack
from cnncompress.bitstream.header import tile_count
from cnncompress.cli.main import program
from cnncompress.units import Hundredths

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, coffee: NDArray[np.uint8]) -> Path:
    """A model of no size, a photograph in twelve tiles, and one without loss."""
    folder = tmp_path_factory.mktemp("files")
    write_random_model(folder / "tiny.safetensors")
    photo = np.ascontiguousarray(coffee[60:230, 150:421])
    Image.fromarray(photo).save(folder / "photo.png")
    packed = compress(photo, tile=64, model=folder / "tiny.safetensors", device="cpu")
    (folder / "photo.cnc").write_bytes(packed)
    (folder / "exact.cnc").write_bytes(compress(photo, coding="lossless"))
    Image.fromarray(photo).save(folder / "photo.jpg")
    return folder


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an empty folder, with the model."""
    monkeypatch.setenv("CNNCOMPRESS_MODEL", str(folder / "tiny.safetensors"))
    monkeypatch.setenv("CNNCOMPRESS_DEVICE", "cpu")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(program, [str(each) for each in arguments])

    return run


def pixels(path: str | Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.array(image)


@pytest.mark.parametrize("name", ["photo.cnc", "exact.cnc"])
def test_crop(run: Run, folder: Path, name: str) -> None:
    assert run("decompress", folder / name, "whole.png").exit_code == 0
    assert run("decompress", "--crop", "60,10,130,99", folder / name, "part.png").exit_code == 0
    assert (pixels("part.png") == pixels("whole.png")[10:109, 60:190]).all()


@pytest.mark.parametrize("name", ["photo.cnc", "exact.cnc"])
@pytest.mark.parametrize(
    ("scale", "size"), [("1", (170, 271)), ("1/2", (85, 136)), ("1/4", (43, 68)), ("1/8", (22, 34))]
)
def test_scale(run: Run, folder: Path, name: str, scale: str, size: tuple[int, int]) -> None:
    assert run("decompress", "--scale", scale, folder / name, "small.png").exit_code == 0
    assert pixels("small.png").shape == (*size, 3)


def test_a_stored_original_can_be_cut_too(run: Run, folder: Path) -> None:
    assert run("compress", "--lossless", folder / "photo.jpg", "stored.cnc").exit_code == 0
    assert run("decompress", "stored.cnc", "back.jpg").exit_code == 0
    assert Path("back.jpg").read_bytes() == (folder / "photo.jpg").read_bytes()
    assert run("decompress", "--crop", "5,4,3,2", "stored.cnc", "part.png").exit_code == 0
    assert (pixels("part.png") == pixels("back.jpg")[4:6, 5:8]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--crop", "0,0,10,10", "--scale", "1/2"), "--crop and --scale exclude each other"),
        (("--crop", "0,0,0,10"), "is not like X,Y,W,H"),
        (("--crop", "1,2,3"), "is not like X,Y,W,H"),
        (("--crop", "-1,2,3,4"), "is not like X,Y,W,H"),
        (("--scale", "1/3"), "1/3"),
        (("--crop", "200,100,72,70"), "72x70 pixels from 200,100 are not within the image of 271x170"),
    ],
)
def test_what_is_refused(run: Run, folder: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run("decompress", *arguments, folder / "photo.cnc", "out.png")
    assert done.exit_code == 2 and message in done.output
    assert not Path("out.png").exists()


@pytest.mark.parametrize("tile", ["65", "-64", "32768", "many"])
def test_other_tiles_are_refused(run: Run, folder: Path, tile: str) -> None:
    done = run("compress", "--tile", tile, folder / "photo.png", "out.cnc")
    assert done.exit_code == 2 and "is not one of auto, 0, 64, 128" in done.output


def test_tiles(run: Run, folder: Path) -> None:
    for tile, tiles in (("64", 12), ("128", 2), ("0", 1), ("auto", 1)):
        assert (
            run("compress", "-f", "--if-larger", "keep", "--tile", tile, folder / "photo.png", "o.cnc").exit_code == 0
        )
        assert tile_count(unpack(Path("o.cnc").read_bytes()).header) == tiles
    assert run("compress", "-f", "--if-larger", "keep", "--tile", "64", folder / "photo.png", "o.cnc").exit_code == 0
    assert unpack(Path("o.cnc").read_bytes()).header.tile_side == 64


def test_info(run: Run, folder: Path) -> None:
    latents = sum(len(chunk.payload) for chunk in unpack((folder / "photo.cnc").read_bytes()).chunks)
    assert f" 12 of 64  latents:{latents}  " in run("info", folder / "photo.cnc").stdout
    assert " 1      lossless:" in run("info", folder / "exact.cnc").stdout
    facts = json.loads(run("info", "--json", folder / "photo.cnc").stdout)
    assert (facts["tiles"], facts["tile_side"], len(facts["chunks"])) == (12, 64, 12)


def damaged(folder: Path) -> bytes:
    """The photograph with a wrong bit in its last tile but one, and the last one cut off."""
    data = bytearray((folder / "photo.cnc").read_bytes())
    tiles = [chunk.payload for chunk in unpack(bytes(data)).chunks]
    data[-len(tiles[-1]) - len(tiles[-2]) // 2] ^= 4
    return bytes(data[: -len(tiles[-1])])


def test_keep_going(run: Run, folder: Path) -> None:
    Path("bad.cnc").write_bytes(damaged(folder))
    assert run("decompress", folder / "photo.cnc", "whole.png").exit_code == 0
    done = run("decompress", "bad.cnc", "left.png")
    assert done.exit_code == 4 and "bytes are missing" in done.stderr and not Path("left.png").exists()
    done = run("decompress", "--keep-going", "bad.cnc", "left.png")
    assert done.exit_code == 4
    assert "bad.cnc: damaged in 2 places; the intact parts were written" in done.stderr
    assert "tile 11 of 12 is lost and left gray: 64x42 pixels from 128,128" in done.stderr
    assert "tile 12 of 12 is lost and left gray: 79x42 pixels from 192,128" in done.stderr
    assert (pixels("left.png")[:40] == pixels("whole.png")[:40]).all()
    assert pixels("left.png").shape == (170, 271, 3)
    assert run("decompress", "--keep-going", "--scale", "1/8", "-f", "bad.cnc", "left.png").exit_code == 4
    assert pixels("left.png").shape == (22, 34, 3)


def test_lost_tiles_that_are_not_needed(run: Run, folder: Path) -> None:
    Path("bad.cnc").write_bytes((folder / "photo.cnc").read_bytes()[:-1])
    for crop, code in (("0,0,60,40", 0), ("0,0,130,40", 4)):
        assert run("decompress", "--keep-going", "--crop", crop, "-f", "bad.cnc", "left.png").exit_code == code


def test_keep_going_of_sound_and_of_lost_files(run: Run, folder: Path) -> None:
    assert run("decompress", "--keep-going", folder / "photo.cnc", "whole.png").exit_code == 0
    data = (folder / "photo.cnc").read_bytes()
    head = len(data) - sum(len(chunk.payload) for chunk in unpack(data).chunks)
    for length in (10, head, head + 5):
        Path("bad.cnc").write_bytes(data[:length])
        done = run("decompress", "--keep-going", "bad.cnc", "left.png")
        assert done.exit_code == 4 and not Path("left.png").exists()
        assert done.stderr.count("\n") == 1


def test_keep_going_where_bytes_are_too_many(run: Run, folder: Path) -> None:
    for name in ("photo.cnc", "exact.cnc"):
        Path("bad.cnc").write_bytes((folder / name).read_bytes() + b"more")
        assert run("decompress", folder / name, "-f", "whole.png").exit_code == 0
        assert run("decompress", "bad.cnc", "-f", "left.png").exit_code == 4
        assert not Path("left.png").exists()
        done = run("decompress", "--keep-going", "bad.cnc", "left.png")
        assert done.exit_code == 4 and "extra bytes at the end of the file" in done.stderr
        assert "bad.cnc: damaged in 1 place; the intact parts were written" in done.stderr
        assert (pixels("left.png") == pixels("whole.png")).all()
        Path("left.png").unlink()


def test_several_files_of_which_one_is_damaged(run: Run, folder: Path) -> None:
    Path("bad.cnc").write_bytes(damaged(folder))
    done = run("decompress", "--keep-going", "-d", "out", folder / "photo.cnc", "bad.cnc")
    assert done.exit_code == 1 and sorted(path.name for path in Path("out").iterdir()) == ["bad.png", "photo.png"]


def test_memory_limit(run: Run, folder: Path) -> None:
    done = run("decompress", "-M", "1M", folder / "photo.cnc", "out.png")
    assert done.exit_code == 9 and "MB of memory, more than the limit of 1.0 MB" in done.stderr
    done = run("decompress", "-M", "0.5M", folder / "exact.cnc", "out.png")
    assert done.exit_code == 9 and not Path("out.png").exists()
    done = run("compress", "--memory-limit", "200k", folder / "photo.png", "out.cnc")
    assert done.exit_code == 9 and not Path("out.cnc").exists()
    assert run("compress", "-M", "100M", "--if-larger", "keep", folder / "photo.png", "a.cnc").exit_code == 0
    assert run("compress", "-M", "20G", "--if-larger", "keep", folder / "photo.png", "b.cnc").exit_code == 0
    assert Path("a.cnc").read_bytes() == Path("b.cnc").read_bytes()


def test_a_small_file_that_declares_a_large_image(run: Run, folder: Path) -> None:
    """Tiles without end would do as well, but here it is one tile of 256 megapixels."""
    container = unpack((folder / "photo.cnc").read_bytes())
    header = type(container.header)(
        container.header.layout, 16384, 16384, Hundredths(50_00), container.header.fingerprint
    )
    Path("huge.cnc").write_bytes(pack(type(container)(header, container.chunks[:1])))
    done = run("decompress", "huge.cnc", "out.png")
    assert done.exit_code == 9 and "of memory, more than the limit of 2.0 GB" in done.stderr


def test_progress_of_one_large_image(run: Run, folder: Path) -> None:
    assert run("decompress", folder / "photo.cnc", "out.png").stderr == "", "no terminal"
    assert "/12" in run("decompress", "--progress", "-f", folder / "photo.cnc", "out.png").stderr
    arguments = ("-f", "--if-larger", "keep", folder / "photo.png", "out.cnc")
    assert "/12" in run("compress", "--progress", "--tile", "64", *arguments).stderr
    assert "step" not in run("compress", "--progress", *arguments).stderr, "it is one tile"
