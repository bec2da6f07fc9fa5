"""One file in, one file out: written, skipped, verified, removed. With the packaged model, on tiny images."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import cnncompress
from cnncompress.batch.cnc_files import read_cnc
from cnncompress.batch.encode import NOT_SMALLER, encode
from cnncompress.batch.groups import finished
from cnncompress.batch.jobs import Action, Job, WorkSettings
from cnncompress.batch.outcomes import Result
from cnncompress.batch.worker import Worker
from cnncompress.codec.encode_settings import EncodeSettings
from cnncompress.codec.encoding import ImageEncoder
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import (
    BadMagic,
    CnncompressError,
    DeviceError,
    LimitExceeded,
    NotSmaller,
    OutOfMemory,
    UnreadableImage,
    VerificationFailed,
)
from cnncompress.images.limits import Limits
from cnncompress.images.settings import ImageSettings
from cnncompress.probe import probe
from cnncompress.units import HIGHEST_QUALITY, Hundredths


class Setup:
    """A worker whose settings change, and whose model stays."""

    def __init__(self) -> None:
        self._worker = Worker(WorkSettings(), ModelSettings(device="cpu"))

    def run(self, action: str, source: Path | str, target: Path | str = "", **settings: object) -> Result:
        self._worker._settings = WorkSettings(**settings)  # type: ignore[arg-type]
        return self._worker.run(Job(action, str(source), str(target), record=True))  # type: ignore[arg-type]

    def encode(self, source: Path, target: Path, settings: WorkSettings) -> Result:
        """As `run`, but errors pass."""
        job = Job("compress", str(source), str(target))
        return finished(encode(job, settings, self._worker._codecs, self._worker._budget))


@pytest.fixture(scope="module")
def setup() -> Setup:
    return Setup()


@pytest.fixture
def small_jpeg(tmp_path: Path, coffee: NDArray[np.uint8]) -> Path:
    """So small that no .cnc file of high quality is smaller."""
    path = tmp_path / "small.jpg"
    Image.fromarray(coffee[300:364, 0:96]).save(path, quality=5)
    return path


def test_there_and_back(setup: Setup, photo: Path, tmp_path: Path) -> None:
    packed, back = tmp_path / "x.cnc", tmp_path / "back.png"
    result = setup.run("compress", photo, packed, quality=Hundredths(80_00))
    assert (result.status, result.error, result.coding, result.quality) == ("ok", None, "learned", 80.0)
    assert (result.width, result.height, result.mode, result.device) == (96, 64, "RGB", "cpu")
    assert result.input_bytes == photo.stat().st_size and result.output_bytes == packed.stat().st_size
    assert result.bpp == pytest.approx(8 * packed.stat().st_size / (96 * 64), abs=1e-4)
    source = probe(packed.read_bytes()).source
    assert source is not None and (source.ending, source.size) == ("png", photo.stat().st_size)

    assert setup.run("test", packed).status == "ok"
    result = setup.run("decompress", packed, back)
    assert (result.status, result.output, result.output_bytes) == ("ok", str(back), back.stat().st_size)
    before, after = (np.asarray(Image.open(path), float) for path in (photo, back))
    assert np.mean((before - after) ** 2) < 65  # 30 dB


def test_larger_files_are_stored(setup: Setup, small_jpeg: Path, tmp_path: Path) -> None:
    packed, back = tmp_path / "x.cnc", tmp_path / "back.jpg"
    result = setup.run("compress", small_jpeg, packed, quality=HIGHEST_QUALITY, verify=True)
    assert (result.coding, result.quality, result.model) == ("stored", None, None)
    overhead = packed.stat().st_size - small_jpeg.stat().st_size
    assert overhead == 11 + 2 + 4 + 1 + 6 + 5 + len("jpg")
    setup.run("decompress", packed, back)
    assert back.read_bytes() == small_jpeg.read_bytes()
    setup.run("decompress", packed, tmp_path / "back.png")
    with Image.open(tmp_path / "back.png") as image:
        assert (image.format, image.size) == ("PNG", (96, 64)), "another format is asked for"
    assert setup.run("test", packed).status == "ok"


def test_larger_files_as_asked(setup: Setup, small_jpeg: Path, tmp_path: Path) -> None:
    packed = tmp_path / "x.cnc"
    result = setup.run("compress", small_jpeg, packed, quality=HIGHEST_QUALITY, if_larger="skip")
    assert (result.status, result.reason) == ("skipped", NOT_SMALLER) and not packed.exists()
    result = setup.run("compress", small_jpeg, packed, quality=HIGHEST_QUALITY, if_larger="fail")
    assert (result.exit_code, result.about) == (8, str(small_jpeg)) and not packed.exists()
    with pytest.raises(NotSmaller, match=r"the \.cnc file has \d+ bytes, the input \d+"):
        setup.encode(small_jpeg, packed, WorkSettings(quality=HIGHEST_QUALITY, if_larger="fail"))
    result = setup.run("compress", small_jpeg, packed, quality=HIGHEST_QUALITY, if_larger="keep")
    assert result.coding == "learned" and packed.stat().st_size > small_jpeg.stat().st_size


def test_what_is_stripped_does_not_return_in_the_original(setup: Setup, small_jpeg: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Secret"
    with Image.open(small_jpeg) as image:
        image.save(small_jpeg, quality=5, exif=exif)
    packed = tmp_path / "x.cnc"
    result = setup.run(
        "compress", small_jpeg, packed, quality=HIGHEST_QUALITY, image=ImageSettings(strip=frozenset({"exif"}))
    )
    assert result.coding == "learned" and b"Secret" not in packed.read_bytes()


def test_lossless(setup: Setup, photo: Path, tmp_path: Path) -> None:
    packed, back = tmp_path / "x.cnc", tmp_path / "back.png"
    result = setup.run("compress", photo, packed, encode=EncodeSettings("lossless"), verify=True)
    assert (result.coding, result.model) == ("lossless", None)
    setup.run("decompress", packed, back)
    assert (np.asarray(Image.open(back)) == np.asarray(Image.open(photo))).all()


def test_permissions_and_time_are_kept_on_request(setup: Setup, photo: Path, tmp_path: Path) -> None:
    os.utime(photo, ns=(1, 1_234_567_890_123_456_700))
    photo.chmod(0o640)
    for preserve in (False, True):
        packed = tmp_path / f"{preserve}.cnc"
        assert setup.run("compress", photo, packed, preserve=preserve).status == "ok"
        same = packed.stat().st_mtime_ns == photo.stat().st_mtime_ns, stat.S_IMODE(packed.stat().st_mode) == 0o640
        assert same == (preserve, preserve)
    assert setup.run("decompress", tmp_path / "True.cnc", tmp_path / "y.png", preserve=True).status == "ok"
    assert (tmp_path / "y.png").stat().st_mtime_ns == photo.stat().st_mtime_ns
    assert setup.run("copy", photo, tmp_path / "z.png", preserve=True).status == "copied"
    assert (tmp_path / "z.png").stat().st_mtime_ns == photo.stat().st_mtime_ns


def test_inputs_are_removed_when_all_is_well(setup: Setup, photo: Path, tmp_path: Path) -> None:
    assert setup.run("compress", photo, tmp_path / "x.cnc", remove=True).status == "ok"
    assert not photo.exists() and setup.run("test", tmp_path / "x.cnc").status == "ok"


def again(source: Path, target: Path, action: Action = "compress", *, remove: bool = False) -> Result:
    """Does a job whose worker has died."""
    worker = Worker(WorkSettings(remove=remove), ModelSettings(device="cpu"))
    return worker.run(Job(action, str(source), str(target), record=True, attempt=2))


def test_what_a_dead_worker_left_undone_is_done(setup: Setup, photo: Path, tmp_path: Path) -> None:
    packed, back = tmp_path / "x.cnc", tmp_path / "back.png"
    whole = setup.run("compress", photo, packed)
    for remove in (False, True):  # the output is there, and the input is not removed yet
        result = again(photo, packed, remove=remove)
        assert (result.status, result.input_bytes, result.width) == ("ok", whole.input_bytes, 96)
    assert not photo.exists()
    result = again(photo, packed, remove=True)
    assert (result.status, result.output_bytes, result.width) == ("ok", whole.output_bytes, 96)
    assert again(photo, packed).exit_code == 3, "it was not removed by the worker"
    for _ in range(2):
        result = again(packed, back, "decompress")
        assert (result.status, result.width, result.mode) == ("ok", 96, "RGB")


def test_inputs_are_kept_when_the_output_is_swallowed(setup: Setup, photo: Path) -> None:
    result = setup.run("compress", photo, os.devnull, remove=True)
    assert result.error == "does not contain what was written; the input is kept" and photo.exists()


def test_inputs_are_kept_when_they_cannot_be_decoded(
    setup: Setup, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ImageEncoder.file
    black = cnncompress.compress(np.zeros((3, 4, 3), np.uint8), coding="lossless")
    monkeypatch.setattr(ImageEncoder, "file", lambda *args: real(*args)[:-4])
    assert setup.run("compress", photo, tmp_path / "x.cnc", remove=True).exit_code == 4
    with pytest.raises(VerificationFailed, match="the new file cannot be decoded: "):
        setup.encode(photo, tmp_path / "x.cnc", WorkSettings(verify=True))
    monkeypatch.setattr(ImageEncoder, "file", lambda *args: black)
    result = setup.run("compress", photo, tmp_path / "x.cnc", verify=True)
    assert result.error == "the decoded new file differs from the input"
    assert photo.exists() and not (tmp_path / "x.cnc").exists()


def test_losses_are_told(setup: Setup, tmp_path: Path) -> None:
    path, packed = tmp_path / "deep.png", tmp_path / "x.cnc"
    Image.fromarray((np.arange(4096, dtype=np.uint16) * 16).reshape(64, 64)).save(path)
    result = setup.run("compress", path, packed, if_larger="keep")
    assert len(result.warnings) == 1 and "8 bits" in result.warnings[0]
    result = setup.run("compress", path, packed, image=ImageSettings(strict=True))
    assert result.exit_code == 3 and str(result.error).startswith("strict: ")


def test_losses_on_the_way_out_are_told(setup: Setup, photo: Path, tmp_path: Path) -> None:
    packed = tmp_path / "x.cnc"
    exif = Image.Exif()
    exif[0x9286] = "x" * 70000
    with Image.open(photo) as image:
        image.save(photo, exif=exif)
    assert setup.run("compress", photo, packed).status == "ok"
    result = setup.run("decompress", packed, tmp_path / "back.jpg")
    assert result.status == "ok" and "too long for a JPEG" in result.warnings[0]


@pytest.mark.parametrize(
    ("content", "exit_code"),
    [(b"no image", 3), (b"\x89PNG\r\n\x1a\n", 3), (b"P6 60000 60000 255\n", LimitExceeded.exit_code)],
)
def test_unusable_images(setup: Setup, tmp_path: Path, content: bytes, exit_code: int) -> None:
    (tmp_path / "in").write_bytes(content)
    result = setup.run("compress", tmp_path / "in", tmp_path / "x.cnc")
    assert (result.status, result.exit_code, result.about) == ("error", exit_code, str(tmp_path / "in"))
    assert result.trace is not None and result.seconds is not None
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_files_are_read_as_far_as_their_heads_tell(setup: Setup, photo: Path, tmp_path: Path) -> None:
    packed = tmp_path / "x.cnc"
    setup.run("compress", photo, packed, encode=EncodeSettings("lossless"))
    data = packed.read_bytes()
    assert read_cnc(str(packed), Limits(10_000, 100)) == data
    for limits in ((6143, 100), (10_000, 95)):
        with pytest.raises(LimitExceeded):
            read_cnc(str(packed), Limits(*limits))
    packed.write_bytes(data + bytes(1000))
    assert len(read_cnc(str(packed), Limits(10_000, 100))) == len(data) + 1
    packed.write_bytes(b"x" * 100)
    with pytest.raises(BadMagic):
        read_cnc(str(packed), Limits(10_000, 100))
    with pytest.raises(UnreadableImage):
        read_cnc(str(tmp_path), Limits(10_000, 100))
    assert setup.run("decompress", packed, tmp_path / "y.png").exit_code == 4


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")])
def test_short_memory(setup: Setup, photo: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*args: object, **options: object) -> bytes:
        raise error

    monkeypatch.setattr(ImageEncoder, "file", fail)
    result = setup.run("compress", photo, photo.with_suffix(".cnc"))
    assert (result.exit_code, result.error) == (OutOfMemory.exit_code, "not enough memory for this image")


def test_bugs_cost_one_file(setup: Setup, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> bytes:
        raise ZeroDivisionError("odd")

    monkeypatch.setattr(ImageEncoder, "file", fail)
    result = setup.run("compress", photo, photo.with_suffix(".cnc"))
    assert (result.exit_code, result.error) == (
        CnncompressError.exit_code,
        "internal error: ZeroDivisionError: odd; -vv shows where",
    )
    assert "in fail" in str(result.trace)


def test_a_missing_device_concerns_all_files(photo: Path) -> None:
    with pytest.raises(DeviceError, match="cuda:99"):
        Worker(WorkSettings(), ModelSettings(device="cuda:99")).run(Job("compress", str(photo), "x.cnc"))


def test_standard_streams(
    setup: Setup, photo: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    class Stdin:
        buffer = io.BytesIO(photo.read_bytes())

    monkeypatch.setattr("sys.stdin", Stdin())
    result = setup.run("compress", "-", "-", encode=EncodeSettings("lossless"))
    data = capsysbinary.readouterr().out
    assert (result.status, result.output_bytes) == ("ok", len(data))
    Stdin.buffer = io.BytesIO(data)
    assert setup.run("decompress", "-", "-").status == "ok"
    with Image.open(io.BytesIO(capsysbinary.readouterr().out)) as image:
        assert (image.format, image.size) == ("PNG", (96, 64))
