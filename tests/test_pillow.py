"""The Pillow plugin: lazy opening, decoding, saving, and Pillow's kinds of errors."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from sample_files import encoded

from cnncompress import pillow
from cnncompress.api.calls import compress, store_original
from cnncompress.api.codec import Codec
from cnncompress.bitstream.ancillary import Metadata
from cnncompress.bitstream.container import Chunk, ChunkType, Container, pack, unpack
from cnncompress.codec import cache
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.codec import ModelCodec
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.codec.targets import TargetSize
from cnncompress.errors import FeatureLoss
from cnncompress.images.limits import Limits
from cnncompress.pillow import CncImageFile, register
from cnncompress.probe import probe
from cnncompress.units import Hundredths

METADATA = Metadata(b"profile" * 20, b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x04\0\0\0Abc\0\0\0\0\0", b"<x/>")
INFO = {"icc_profile": METADATA.icc, "exif": b"Exif\0\0" + bytes(METADATA.exif or b""), "xmp": METADATA.xmp}


@pytest.fixture(autouse=True)
def registered(pillow_registry: None) -> None:
    """Registers the plugin."""
    register(device="cpu")


@pytest.fixture(scope="module")
def crop(astronaut: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(astronaut[40:90, 180:250]))
    image.info.update(INFO)
    return image


@pytest.fixture(scope="module")
def packed(codec: Codec, crop: Image.Image) -> bytes:
    return codec.compress(crop, 60)


def reopened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_opening_reads_the_header_and_the_metadata(packed: bytes) -> None:
    latents = unpack(packed).payload(ChunkType.LATENTS)
    damaged = packed.replace(latents, bytes(len(latents)))
    for data in (packed, damaged):
        image = reopened(data)
        assert isinstance(image, CncImageFile)
        assert (image.format, image.mode, image.size) == ("CNC", "RGB", (70, 50))
        assert image.get_format_mimetype() == "image/x-cnncompress"
        assert image.info == INFO and image.getexif()[0x010F] == "Abc"
        assert Image.MIME["CNC"] == pillow.MIME_TYPE
    with pytest.raises(OSError, match="checksum of the latents chunk"):
        reopened(damaged).load()


def test_loading_decodes(packed: bytes, codec: Codec, tmp_path: Path) -> None:
    path = tmp_path / "x.cnc"
    path.write_bytes(packed)
    expected = codec.decompress(packed)
    for source in (path, str(path), io.BytesIO(packed)):
        with Image.open(source) as image:
            assert np.asarray(image).tobytes() == expected.tobytes()
            assert image.info == INFO
            assert image.load() is not None
    with path.open("rb") as stream, Image.open(stream) as image:
        assert image.resize((7, 5)).size == (7, 5)
        assert not stream.closed
    image = Image.open(path)
    image.load()
    assert getattr(image, "fp", None) is None, "closed with the last pixel"
    assert image.copy().tobytes() == expected.tobytes()


def test_saving_encodes(crop: Image.Image, packed: bytes, codec: Codec, tmp_path: Path) -> None:
    path = tmp_path / "x.cnc"
    crop.save(path, quality=60)
    assert path.read_bytes() == packed
    crop.save(path)
    assert path.read_bytes() == packed, "the default quality"
    assert encoded(crop, "CNC", quality=12.5) == codec.compress(crop, 12.5)


def test_saving_to_a_target(crop: Image.Image, tmp_path: Path) -> None:
    crop.save(tmp_path / "x.cnc", target=TargetSize(1000), effort=0)
    assert 950 < (tmp_path / "x.cnc").stat().st_size <= 1000


def test_saving_without_loss_or_with_other_metadata(crop: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "x.cnc"
    exif = Image.Exif()
    exif[0x010F] = "Other"
    crop.save(path, lossless=True, exif=exif, xmp=b"", icc_profile=None)
    with Image.open(path) as image:
        assert image.getexif()[0x010F] == "Other"
        assert set(image.info) == {"exif"}
        assert image.tobytes() == crop.tobytes()
    assert probe(path.read_bytes()).coding == "lossless"
    assert crop.info == INFO, "the caller's image is as it was"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
def test_modes(mode: str, tmp_path: Path) -> None:
    image = Image.linear_gradient("L").resize((40, 30)).convert(mode)
    path = tmp_path / "x.cnc"
    for options in ({"quality": 90}, {"lossless": True}):
        image.save(path, **options)
        with Image.open(path) as back:
            assert (back.mode, back.size) == (mode, (40, 30))
            back.load()
            assert np.abs(np.asarray(back.convert("L")).astype(int) - np.asarray(image.convert("L"))).mean() < 9


def test_stored_originals(tmp_path: Path) -> None:
    stream = io.BytesIO()
    image = Image.linear_gradient("L").resize((9, 7))
    image.save(stream, "PNG", icc_profile=METADATA.icc)
    opened = reopened(store_original(stream.getvalue()))
    assert (opened.mode, opened.size) == ("L", (9, 7))
    assert opened.tobytes() == image.tobytes()
    assert opened.info["icc_profile"] == METADATA.icc, "known once the original is read"


def test_an_animations_current_frame_is_saved(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "x.png", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "x.png") as image:
        image.seek(1)
        image.save(tmp_path / "x.cnc", lossless=True)
        assert image.tell() == 1
    with Image.open(tmp_path / "x.cnc") as back:
        assert back.convert("RGB").getpixel((0, 0)) == (0, 0, 255)


def test_losses_are_warned_of(tmp_path: Path) -> None:
    with pytest.warns(FeatureLoss, match="CMYK is converted"):
        Image.new("CMYK", (9, 7)).save(tmp_path / "x.cnc", lossless=True)


def test_verify(packed: bytes) -> None:
    reopened(packed).verify()
    for damaged in (packed[:-1], packed[:-1] + bytes([packed[-1] ^ 1]), packed + b"\0"):
        image = reopened(damaged) if len(damaged) > len(packed) else None
        try:
            image = image or reopened(damaged)
        except UnidentifiedImageError:  # the metadata stand at the end
            continue
        with pytest.raises(SyntaxError):
            image.verify()


def test_damaged_files(packed: bytes) -> None:
    for damaged in (
        b"\x89CN",
        packed[:10],
        packed[:40],
        packed[:4] + b"\xff" + packed[5:],
        b"\x89CN\x02" + packed[4:],
    ):
        with pytest.raises(UnidentifiedImageError):
            reopened(damaged)
    container = unpack(packed)
    chunks = (
        Chunk(chunk.type, b"\xff" if chunk.type == ChunkType.ICC else chunk.payload) for chunk in container.chunks
    )
    with pytest.raises(UnidentifiedImageError):
        reopened(pack(Container(container.header, tuple(chunks))))
    plain = compress(np.zeros((9, 7), np.uint8), coding="lossless")
    for cut in (plain[:-1], plain[:40]):
        image = reopened(cut)
        for _ in range(2):
            with pytest.raises(OSError, match="payload bytes are missing"):
                image.load()


def test_other_models_and_limits(packed: bytes, crop: Image.Image, tmp_path: Path) -> None:
    container = unpack(packed)
    header = container.header
    foreign = pack(Container(type(header)(header.layout, 70, 50, Hundredths(60_00), b"\1\2\3\4"), container.chunks))
    with pytest.raises(OSError, match="fingerprint 01020304, which is not installed"):
        reopened(foreign).load()
    register(device="cpu", limits=Limits(100))
    with pytest.raises(OSError, match="limit of 100"):
        reopened(packed).load()
    for lossless in (False, True):
        with pytest.raises(OSError, match="cannot write as CNC: 70x50 pixels are more than the limit of 100"):
            crop.save(tmp_path / "x.cnc", lossless=lossless)
    assert not (tmp_path / "x.cnc").exists()
    register(model="nobody", device="cpu")
    with pytest.raises(OSError, match="no model named 'nobody'"):
        crop.save(tmp_path / "x.cnc")


def test_wrong_options(crop: Image.Image, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="quality is 101"):
        crop.save(tmp_path / "x.cnc", quality=101)
    with pytest.raises(ValueError, match="both a quality, 50, and a target"):
        crop.save(tmp_path / "x.cnc", quality=50, target=TargetSize(2000))
    with pytest.raises(ValueError, match="exclude each other"):
        crop.save(tmp_path / "x.cnc", lossless=True, target=TargetSize(2000))
    assert not (tmp_path / "x.cnc").exists()


def test_options_of_other_formats_are_ignored(crop: Image.Image, tmp_path: Path) -> None:
    """As Pillow's own plugins do: a program may save in many formats with one set of options."""
    crop.save(tmp_path / "a.cnc", lossless=True)
    others: dict[str, Any] = {"optimize": True, "dpi": (300, 300), "subsampling": 0, "save_all": False}
    crop.save(tmp_path / "b.cnc", lossless=True, **others)
    assert (tmp_path / "a.cnc").read_bytes() == (tmp_path / "b.cnc").read_bytes()


def test_a_model_is_loaded_once(packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Counted(ModelCodec):
        def __init__(self, *args: object, **options: object) -> None:
            made.append(args)
            super().__init__(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(cache, "ModelCodec", Counted)
    codecs = CodecCache(ModelSettings(device="cpu"))
    fingerprint = unpack(packed).header.fingerprint
    found: list[ModelCodec] = []
    threads = [threading.Thread(target=lambda: found.append(codecs.decoder(fingerprint))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(set(map(id, found))) == 1
    assert codecs.encoder() is codecs.encoder()
    chosen = CodecCache(ModelSettings(found[0].model, "cpu"))
    assert chosen.decoder(fingerprint) is chosen.encoder(), "what is saved with is good for reading too"


def test_opening_needs_no_torch(packed: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.cnc").write_bytes(packed)
    script = (
        "import sys; from PIL import Image; import cnncompress.pillow; cnncompress.pillow.register()\n"
        "image = Image.open(sys.argv[1]); print(image.size, 'torch' in sys.modules); image.verify()\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "x.cnc")], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("(70, 50) False\nFalse\n", "")
