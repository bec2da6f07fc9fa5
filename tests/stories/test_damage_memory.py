"""Small files that declare much: what they declare must not be allocated before it is found to be missing."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from cnncompress import pillow
from cnncompress.api.calls import decompress
from cnncompress.batch.cnc_files import read_cnc, read_source_record
from cnncompress.bitstream.container import unpack
from cnncompress.bitstream.fields import pack_number
from cnncompress.entropy.coder import EntropyModel, SymbolDecoder, SymbolEncoder
from cnncompress.entropy.tables import MAX_RADIUS, build_tables
from cnncompress.errors import LimitExceeded, Truncated
from cnncompress.images.limits import Limits
from cnncompress.model.config import SCALE_LEVELS
from cnncompress.probe import probe

MIB = 1 << 20


def cnc_file(width: int, height: int, *chunks: tuple[int, int, bytes]) -> bytes:
    """A lossless RGB file; of each chunk behind the image's the type, the length that it declares, and its bytes."""
    head = struct.pack("<3sBBHHH", b"\x89CN", 1, 2 | bool(chunks) << 7, width, height, 2 << 14)

    def with_check(entry: bytes, payload: bytes) -> bytes:
        return entry + struct.pack("<I", zlib.crc32(head + entry + payload))

    table = with_check(b"\x05", b"hello") + (pack_number(len(chunks)) if chunks else b"")
    table += b"".join(with_check(bytes([kind]) + pack_number(length), payload) for kind, length, payload in chunks)
    return head + table + b"hello" + b"".join(payload for _, _, payload in chunks)


HUGE_METADATA = cnc_file(10, 10, (128, 0xFFFFFFFF, b""))


@pytest.fixture
def peak() -> Iterator[Callable[[], int]]:
    """Tells the most bytes that Python objects and arrays took since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@pytest.fixture
def registered() -> Iterator[None]:
    pillow.register(device="cpu")
    yield
    Image.ID.remove(pillow.FORMAT)
    for registry in (Image.OPEN, Image.SAVE, Image.MIME):
        del registry[pillow.FORMAT]
    del Image.EXTENSION[pillow.EXTENSION]


@pytest.mark.usefixtures("registered")
def test_plugin_asks_for_no_more_than_there_is(tmp_path: Path, peak: Callable[[], int]) -> None:
    """Some bytes that declare an ICC profile of 4 GiB once ended in a MemoryError."""
    assert len(HUGE_METADATA) == 32
    path = tmp_path / "x.cnc"
    path.write_bytes(HUGE_METADATA)
    with pytest.raises(UnidentifiedImageError):
        Image.open(path)
    assert peak() < 3 * MIB


HUGE_PAYLOADS = cnc_file(10, 10, *[(200, 0xFFFFFFFF, b"")] * 1000)


@pytest.mark.parametrize("read", [unpack, probe, decompress])
def test_declared_payloads(read: Callable[[bytes], object], peak: Callable[[], int]) -> None:
    for data in (HUGE_METADATA, HUGE_PAYLOADS):
        with pytest.raises(Truncated, match="payload bytes are missing"):
            read(data)
    assert peak() < 1 * MIB


def test_declared_payloads_of_a_file(tmp_path: Path, peak: Callable[[], int]) -> None:
    """The command line reads no more than the head accounts for, which once was a MemoryError of 4 TiB."""
    path = tmp_path / "x.cnc"
    path.write_bytes(HUGE_PAYLOADS)
    assert read_cnc(str(path), Limits(100, 100)) == HUGE_PAYLOADS
    assert peak() < 3 * MIB


def test_declared_source(tmp_path: Path, peak: Callable[[], int]) -> None:
    """Planning looks for the name of the original, which once took the 4 GiB that were declared for it."""
    path = tmp_path / "x.cnc"
    path.write_bytes(cnc_file(10, 10, (131, 0xFFFFFFFF, b"")))
    with pytest.raises(Truncated, match="4294967295 of 4294967295 bytes of the source chunk are missing"):
        read_source_record(path)
    assert peak() < 3 * MIB


def test_declared_pixels(peak: Callable[[], int]) -> None:
    with pytest.raises(LimitExceeded, match="65535x65535 pixels are more than the limit"):
        decompress(cnc_file(65535, 65535))
    assert peak() < 1 * MIB


def test_bits_of_escapes(peak: Callable[[], int]) -> None:
    """Each took some 240 bytes once, thirty times what it takes in the file."""
    model = EntropyModel(build_tables(np.zeros((SCALE_LEVELS, 2 * MAX_RADIUS + 1), dtype=np.int64)))
    count = 100_000
    symbols = np.full(count, (1 << 20) - 1, dtype=np.int32)
    symbols[::3] *= -1
    symbols[::7] = 0
    symbols[::11] = 40
    levels = np.zeros(count, dtype=np.uint8)
    encoder = SymbolEncoder(model)
    encoder.push(symbols, levels)
    payload = encoder.to_bytes()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    decoder = SymbolDecoder(model, payload)
    assert np.array_equal(decoder.pop(levels), symbols)
    decoder.finish()
    assert peak() - before < 120 * count
