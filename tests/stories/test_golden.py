"""Files of this and earlier versions decode as they did: the same symbols, and pixels within 1/255.

``scripts/regen_golden.py`` writes them, once for each model that is shipped. They stay when a model is shipped no more.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coding import pipeline_of
from PIL import Image
from random_model import write_random_model

from cnncompress.api.codec import Codec
from cnncompress.bitstream.container import ChunkType, unpack
from cnncompress.bitstream.header import tile_count
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.tiles import TileGrid
from cnncompress.errors import BitstreamError
from cnncompress.model.manifest import find_by_fingerprint, read_manifest
from cnncompress.model.weights import load_weights

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parents[1] / "golden"


def entries(folder: Path) -> list[dict[str, Any]]:
    """What the list of golden files says; nothing if there is none."""
    path = folder / "golden.json"
    if not path.exists():
        return []
    values = json.loads(path.read_text(encoding="utf-8"))
    assert values["schema"] == 1
    found: list[dict[str, Any]] = values["files"]
    return found


class Decoders:
    """The models that golden files name, each loaded once."""

    def __init__(self) -> None:
        self.loaded: dict[bytes, tuple[Codec, ImagePipeline]] = {}

    def of(self, fingerprint: bytes) -> tuple[Codec, ImagePipeline]:
        """Finds a model in the manifest by its fingerprint."""
        if fingerprint not in self.loaded:
            name = find_by_fingerprint(fingerprint)
            weights = load_weights(name)
            self.loaded[fingerprint] = (Codec(name, "cpu"), pipeline_of(weights))
        return self.loaded[fingerprint]


@pytest.fixture(scope="module")
def decoders() -> Decoders:
    return Decoders()


def check(entry: dict[str, Any], folder: Path, decoders: Decoders) -> None:
    """Decodes a golden file and compares."""
    data = (folder / entry["file"]).read_bytes()
    container = unpack(data)
    header = container.header
    assert header.fingerprint.hex() == entry["fingerprint"]
    with Image.open(folder / entry["pixels"]) as expected:
        assert (header.layout.mode, (header.width, header.height)) == (expected.mode, expected.size)
    if read_manifest().by_fingerprint(entry["fingerprint"]) is None:
        pytest.skip(f"model {entry['fingerprint']} is not installed: header and checksums are right")
    codec, pipeline = decoders.of(header.fingerprint)

    digest = hashlib.sha256()
    for number, payload in enumerate(container.payloads(ChunkType.LATENTS)):
        area = TileGrid.of(header).tile(number)
        latents = pipeline.unpack(payload, (area.height, area.width), header.quality_hundredths)
        for symbols in (latents.z, latents.y):
            digest.update(symbols.astype("<i4").tobytes())
    assert digest.hexdigest() == entry["symbols_sha256"], "other symbols than when the file was written"

    image = codec.decompress(data)
    with Image.open(folder / entry["pixels"]) as expected:
        assert (image.mode, image.size) == (expected.mode, expected.size)
        difference = np.abs(np.asarray(image).astype(int) - np.asarray(expected).astype(int))
        assert difference.max() <= 1
        if header.layout.has_alpha:
            assert image.getchannel("A").tobytes() == expected.getchannel("A").tobytes()


@pytest.mark.parametrize("entry", entries(GOLDEN), ids=lambda entry: Path(entry["file"]).stem)
def test_golden_file(entry: dict[str, Any], decoders: Decoders) -> None:
    check(entry, GOLDEN, decoders)


def test_every_shipped_model_has_golden_files_of_every_kind() -> None:
    hint = "run scripts/regen_golden.py for a new model"
    found = entries(GOLDEN)
    files = {entry[key] for entry in found for key in ("file", "pixels")}
    assert {path.name for path in GOLDEN.glob("*.*")} == files | {"golden.json"}, hint
    for shipped in read_manifest().entries:
        own = [entry for entry in found if entry["fingerprint"] == shipped.fingerprint]
        headers = [unpack((GOLDEN / entry["file"]).read_bytes()).header for entry in own]
        assert {header.layout.mode for header in headers} == {"1", "L", "LA", "RGB", "RGBA"}, hint
        assert {0, 10000} < {header.quality_hundredths for header in headers}, hint
        assert any(tile_count(header) > 1 for header in headers), hint
        assert {(1, 1), (17, 31), (1, 300)} < {(header.width, header.height) for header in headers}, hint


def test_files_of_models_that_are_not_installed_are_checked_as_far_as_they_can_be(
    decoders: Decoders, tmp_path: Path
) -> None:
    write_random_model(tmp_path / "old.safetensors")
    codec = Codec(tmp_path / "old.safetensors", "cpu")
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (50, 70, 4), np.uint8))
    (tmp_path / "old.cnc").write_bytes(codec.compress(image, 50, coding="learned"))
    image.save(tmp_path / "old.png")
    entry = {"file": "old.cnc", "pixels": "old.png", "fingerprint": codec.fingerprint.hex(), "symbols_sha256": ""}
    with pytest.raises(pytest.skip.Exception, match=f"model {codec.fingerprint.hex()} is not installed"):
        check(entry, tmp_path, decoders)
    with pytest.raises(AssertionError):
        check({**entry, "fingerprint": "00000000"}, tmp_path, decoders)
    image.convert("RGB").save(tmp_path / "old.png")
    with pytest.raises(AssertionError):
        check(entry, tmp_path, decoders)
    (tmp_path / "old.cnc").write_bytes((tmp_path / "old.cnc").read_bytes()[:-1])
    with pytest.raises(BitstreamError):
        check(entry, tmp_path, decoders)
