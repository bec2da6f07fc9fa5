"""Files without a model decode as they did: the same pixels, metadata and originals, bit for bit; AVIF within 1/255.

``scripts/regen_golden.py`` writes them.
"""

from __future__ import annotations

import hashlib
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnncompress import decompress, restore_original
from cnncompress.probe import probe

GOLDEN = Path(__file__).parents[1] / "golden" / "plain"


def entries(folder: Path) -> list[dict[str, Any]]:
    values = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    assert values["schema"] == 1
    found: list[dict[str, Any]] = values["files"]
    return found


def check(entry: dict[str, Any], folder: Path) -> None:
    data = (folder / entry["file"]).read_bytes()
    image = decompress(data)
    with Image.open(folder / entry["pixels"]) as expected:
        assert (image.mode, image.size) == (expected.mode, expected.size)
        difference = np.abs(np.asarray(image, np.int16) - np.asarray(expected, np.int16))
    # Builds of libavif may round differently where they turn luma and chroma into colours.
    assert difference.max() <= (probe(data).coding == "avif")
    parts: dict[str, bytes] = {key: image.info[key] for key in ("icc_profile", "exif", "xmp") if key in image.info}
    original = restore_original(data)
    if original is not None:
        parts["original"] = original.data
    assert {key: hashlib.sha256(part).hexdigest() for key, part in parts.items()} == entry["sha256"]


@pytest.mark.parametrize("entry", entries(GOLDEN), ids=lambda entry: Path(entry["file"]).stem)
def test_golden_file(entry: dict[str, Any]) -> None:
    check(entry, GOLDEN)


def test_every_kind_is_there() -> None:
    found = entries(GOLDEN)
    assert {path.name for path in GOLDEN.iterdir()} == {entry[key] for entry in found for key in ("file", "pixels")} | {
        "golden.json"
    }
    facts = [probe((GOLDEN / entry["file"]).read_bytes()) for entry in found]
    assert {(fact.coding, fact.mode) for fact in facts} >= {
        ("stored", "RGB"), *product(("avif", "lossless"), ("1", "L", "LA", "RGB", "RGBA"))
    }  # fmt: skip
    assert {name for fact in facts for name, _ in fact.chunks} == {
        "alpha",
        "avif",
        "lossless",
        "original",
        "icc",
        "exif",
        "xmp",
        "source",
    }
