"""docs/FORMAT.md is enough to write a decoder from: one that was written so decodes every golden file."""

from __future__ import annotations

import ast
import hashlib
import json
import random
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from independent_container import AVIF, EXIF, ICC, XMP, BadFile, read_file
from independent_decoder import decode
from independent_model import Model, read_model
from PIL import Image

from cnncompress import BitstreamError, Truncated, UnsupportedVersion
from cnncompress.bitstream.container import unpack
from cnncompress.errors import BadMagic
from cnncompress.model.manifest import read_manifest

GOLDEN = Path(__file__).parents[1] / "golden"
PLAIN = GOLDEN / "plain"
KEYS = {"icc_profile": ICC, "exif": EXIF, "xmp": XMP}
# Rounding decides the other way where a sample is within a hair of the middle between two integers.
MAX_SHARE_OF_ROUNDINGS = 1e-3


def entries(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "golden.json").read_text(encoding="utf-8"))["files"]
    return found


def stem(entry: dict[str, Any]) -> str:
    return Path(entry["file"]).stem


@pytest.fixture(scope="module")
def models() -> dict[bytes, Model]:
    manifest = read_manifest()
    return {
        bytes.fromhex(entry.fingerprint): read_model((manifest.directory / entry.file).read_bytes())
        for entry in manifest.entries
    }


def samples_of(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(path) as image:
        return np.asarray(image.convert("L") if image.mode == "1" else image)


@pytest.mark.parametrize("entry", entries(GOLDEN), ids=stem)
def test_learned_file(entry: dict[str, Any], models: dict[bytes, Model]) -> None:
    found = decode((GOLDEN / entry["file"]).read_bytes(), models)
    assert hashlib.sha256(found.symbols or b"").hexdigest() == entry["symbols_sha256"]
    assert found.samples is not None
    expected = samples_of(GOLDEN / entry["pixels"])
    assert found.samples.shape == expected.shape
    difference = np.abs(found.samples.astype(int) - expected)
    if found.file.layout == 4:  # where 1/255 decides between black and white
        difference = np.minimum(difference, 1)
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= max(1, MAX_SHARE_OF_ROUNDINGS * difference.size)


@pytest.mark.parametrize("entry", entries(PLAIN), ids=stem)
def test_file_without_a_model(entry: dict[str, Any]) -> None:
    found = decode((PLAIN / entry["file"]).read_bytes(), {})
    sums = entry["sha256"]
    if found.original is not None:
        assert hashlib.sha256(found.original).hexdigest() == sums["original"]
        return
    assert found.samples is not None
    difference = np.abs(found.samples.astype(int) - samples_of(PLAIN / entry["pixels"]))
    assert difference.max() <= (found.file.payload(AVIF) is not None)
    metadata = dict(found.metadata)
    if EXIF in metadata:  # Pillow's ``info`` has it behind the name that JPEG gives it
        metadata[EXIF] = b"Exif\0\0" + metadata[EXIF]
    assert {key: hashlib.sha256(metadata[kind]).hexdigest() for key, kind in KEYS.items() if kind in metadata} == sums


def test_example_of_the_text() -> None:
    text = (Path(__file__).parents[2] / "docs" / "FORMAT.md").read_text(encoding="utf-8")
    listing = text.split("### Example")[1].split("```")[1]
    data = bytes.fromhex(" ".join(re.findall(r"\b[0-9A-F]{2}\b", listing)))
    found = read_file(data)
    assert (found.width, found.height, found.quality) == (2, 3, 5000)
    assert found.chunks == ((1, b"abc"),)
    assert unpack(data).header.fingerprint == found.fingerprint == bytes.fromhex("01234567")


def answer(data: bytes) -> str:
    try:
        read_file(data)
    except BadFile as error:
        return str(error)
    return "good"


def our_answer(data: bytes) -> str:
    try:
        unpack(data)
    except BadMagic:
        return "foreign"
    except UnsupportedVersion:
        return "newer"
    except Truncated:
        return "truncated"
    except BitstreamError:
        return "corrupt"
    return "good"


def with_right_check(data: bytearray) -> None:
    """Makes the check of a file's only chunk right, if it has one only."""
    begin = 15 if len(data) > 10 and data[10] >> 6 == 1 else 11
    end = next((i + 1 for i in range(begin, len(data)) if data[i] < 128), len(data))
    if len(data) >= end + 4:
        struct.pack_into("<I", data, end, zlib.crc32(data[:end] + data[end + 4 :]))


def test_both_refuse_the_same_files() -> None:
    """With the same word, too; half of the damage is hidden from the check of the first chunk."""
    rng = random.Random(1)
    sound = [(PLAIN / entry["file"]).read_bytes() for entry in entries(PLAIN)]
    sound += [(GOLDEN / entry["file"]).read_bytes() for entry in entries(GOLDEN)]
    answers = set()
    for _ in range(5000):
        data = bytearray(rng.choice(sound))
        for _ in range(rng.choice((0, 1, 1, 2))):
            data[min(rng.randrange(60), rng.randrange(len(data)))] = rng.choice((0, 1, 2, 128, 255, rng.randrange(256)))
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        if rng.random() < 0.05:
            data += bytes(rng.randrange(1, 4))
        if rng.random() < 0.5:
            with_right_check(data)
        assert answer(bytes(data)) == our_answer(bytes(data)), bytes(data[:60]).hex()
        answers.add(answer(bytes(data)))
    assert answers == {"good", "foreign", "newer", "truncated", "corrupt"}


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.glob("independent_*.py")), ids=lambda path: path.stem)
def test_no_code_of_the_package_is_used(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        assert not any(name.split(".")[0] == "cnncompress" for name in names)
