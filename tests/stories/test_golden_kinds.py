"""Which kinds of files there are golden files of: every kind that the program writes, so that each decodes for ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cnncompress.probe import Info, probe

GOLDEN = Path(__file__).parents[1] / "golden"

Kind = Callable[[str, Info], bool]


def has_chunks(*names: str) -> Kind:
    return lambda _, info: set(names) <= {name for name, _ in info.chunks}


KINDS: dict[str, Kind] = {
    "gray": lambda _, info: info.coding == "learned" and info.mode == "L",
    "gray and alpha": lambda _, info: info.coding == "learned" and info.mode == "LA",
    "RGB": lambda _, info: info.coding == "learned" and info.mode == "RGB",
    "RGBA": lambda _, info: info.coding == "learned" and info.mode == "RGBA",
    "black and white": lambda _, info: info.coding == "learned" and info.mode == "1",
    "1x1": lambda _, info: info.coding == "learned" and (info.width, info.height) == (1, 1),
    "odd sizes": lambda _, info: info.coding == "learned" and info.width % 2 == info.height % 2 == 1 < info.width,
    "long": lambda _, info: info.coding == "learned" and max(info.width, info.height) > 4 * 64,
    "tiled": lambda _, info: [name for name, _ in info.chunks].count("latents") > 1,
    "lowest quality": lambda _, info: info.quality == 0,
    "highest quality": lambda _, info: info.quality == 100,
    "quality in hundredths": lambda _, info: info.quality is not None and info.quality % 1 > 0,
    "metadata": has_chunks("latents", "icc", "exif", "xmp"),
    "palette source": lambda name, info: name.startswith("palette") and info.mode == "RGB",
    "palette source with transparency": lambda name, info: name.startswith("palette") and info.mode == "RGBA",
    "lossless 1x1": lambda _, info: info.coding == "lossless" and (info.width, info.height) == (1, 1),
    "lossless metadata": has_chunks("lossless", "icc", "exif", "xmp"),
    "lossless beyond WebP": lambda _, info: info.coding == "lossless" and max(info.width, info.height) > 16383,
    "stored PNG": lambda _, info: info.original == "png",
    "stored GIF": lambda _, info: info.original == "gif",
    "source": has_chunks("source"),
} | {
    f"{coding} {mode}": lambda _, info, coding=coding, mode=mode: (info.coding, info.mode) == (coding, mode)
    for coding in ("avif", "lossless")
    for mode in ("1", "L", "LA", "RGB", "RGBA")
}


@pytest.fixture(scope="module")
def facts() -> dict[str, Info]:
    return {path.stem: probe(path.read_bytes()) for path in sorted(GOLDEN.rglob("*.cnc"))}


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_files_of_every_kind(kind: str, facts: dict[str, Info]) -> None:
    assert any(KINDS[kind](name, info) for name, info in facts.items())


def test_every_file_is_of_some_kind(facts: dict[str, Info]) -> None:
    for name, info in facts.items():
        assert any(is_of_kind(name, info) for is_of_kind in KINDS.values()), name


def test_every_learned_file_has_a_hash_of_its_symbols() -> None:
    entries = json.loads((GOLDEN / "golden.json").read_text(encoding="utf-8"))["files"]
    assert entries and all(len(bytes.fromhex(entry["symbols_sha256"])) == 32 for entry in entries)
