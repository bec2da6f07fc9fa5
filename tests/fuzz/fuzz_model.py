"""Damage to weights files that safetensors does not notice: types, shapes, configuration, numbers."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

from fuzz_bytes import damaged

_TYPES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "F4": 0.5, "F6_E2M3": 0.75, "I16": 2,
    "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8, "C64": 8,
}  # fmt: skip
_ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2, 3, 4, 8, 12, 4096, 4097, 10**6, 10**15, 10**400, 1.5, 1e300, float("nan"), float("inf"),
    "", "8", "abc", [], {}, [1], [0.1, 0.2], [1, 10**400], ["a", "b"], [[1]], {"a": 1},
)  # fmt: skip
_ODD_JSON = ("", "null", "[]", "5", "{}", "{", '"a"', "[" * 100_000, '{"a":' * 100_000, "1" * 5000, '{"\\ud800":1}')
_NUMBERS = {
    4: [struct.pack("<i", value) for value in (0, 1, -1, 2047, 2048, 1 << 24, (1 << 31) - 1, -(1 << 31))],
    8: [struct.pack("<q", value) for value in (0, 1, -1, 1 << 39, 1 << 40, 1 << 52, (1 << 63) - 1, -(1 << 63))],
}
_HALVES = [b"\0\x7c", b"\xff\x7b", b"\0\x7e", b"\0\0"]  # infinity, the largest, nan, zero
_FLOATS = [
    struct.pack("<f", value) for value in (0.0, -0.0, 1e-45, 1e30, -1e30, 3e38, float("inf"), float("nan"), -1.0)
]


def damaged_model(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Returns a damaged weights file.

    Args:
        data: a weights file, good or bad.
        others: not used; there is nothing to take over.
        rng: decides.
    """
    for _ in range(rng.choice((1, 1, 2, 3))):
        if rng.random() < 0.15:
            data = damaged(data, rng)
            continue
        parsed = _take_apart(data)
        if parsed is None:
            return data
        header, body = parsed
        refused = (_change_type, _change_type, _change_entry, _change_names, _change_config)
        # Numbers are what a model may be accepted with: they get further than anything else.
        change = _change_numbers if rng.random() < 0.6 else rng.choice(refused)
        header, body = change(header, body, rng)
        text = header if isinstance(header, bytes) else json.dumps(header).encode("utf-8", "replace")
        data = len(text).to_bytes(8, "little") + text + body
    return data


def _take_apart(data: bytes) -> tuple[dict[str, Any], bytes] | None:
    end = 8 + int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8:end])
    except (ValueError, RecursionError):
        return None
    return (header, data[end:]) if isinstance(header, dict) else None


def _tensors(header: dict[str, Any]) -> list[str]:
    return [key for key, value in header.items() if key != "__metadata__" and isinstance(value, dict)]


def _change_type(header: dict[str, Any], body: bytes, rng: random.Random) -> tuple[dict[str, Any], bytes]:
    """Another type, with data of the right length, so that only we can notice it."""
    names = [name for name in _tensors(header) if _is_entry(header[name])]
    if not names:
        return header, body
    entry = header[rng.choice(names)]
    begin, end = entry["data_offsets"]
    elements = 1
    for side in entry["shape"]:
        elements *= side
    kind = rng.choice(sorted(_TYPES))
    length = int(elements * _TYPES[kind])
    if length > 1 << 20:
        return header, body
    filling = rng.choice((bytes(length), rng.randbytes(length), body[begin:end][:length].ljust(length, b"\0")))
    for name in names:
        offsets = header[name]["data_offsets"]
        if offsets[0] >= end:
            header[name]["data_offsets"] = [offset + length - (end - begin) for offset in offsets]
    entry["dtype"], entry["data_offsets"] = kind, [begin, begin + length]
    return header, body[:begin] + filling + body[end:]


def _change_entry(header: dict[str, Any], body: bytes, rng: random.Random) -> tuple[dict[str, Any], bytes]:
    names = _tensors(header)
    if not names:
        return header, body
    entry = header[rng.choice(names)]
    field = rng.choice(("shape", "shape", "data_offsets", "dtype"))
    value = entry.get(field)
    if field == "shape" and isinstance(value, list) and value and rng.random() < 0.7:
        same = rng.choice(
            (value[::-1], [*value, 1], [1, *value], value[1:], [0, *value], [*value[:-1], rng.choice((0, 1, 2**63))])
        )
        entry[field] = same
    elif rng.random() < 0.5:
        entry[field] = rng.choice(_ODD_VALUES)
    else:
        entry.pop(field, None)
    return header, body


def _change_names(header: dict[str, Any], body: bytes, rng: random.Random) -> tuple[dict[str, Any], bytes]:
    names = [*_tensors(header), "__metadata__"]
    name, other = rng.choice(names), rng.choice(names)
    what = rng.random()
    if what < 0.4 and name in header and other in header:
        header[name], header[other] = header[other], header[name]
    elif what < 0.7 and name in header:
        header[rng.choice((name + "x", "", "a\nb", "scales.", "tables.radii\0", "network.\u2028"))] = header.pop(name)
    else:
        header.pop(name, None)
    return header, body


def _change_config(header: dict[str, Any], body: bytes, rng: random.Random) -> tuple[dict[str, Any], bytes]:
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict):
        header["__metadata__"] = rng.choice((None, 5, {}, {"format": 5}, {"format": "cnncompress-model-1"}))
        return header, body
    text = metadata.get("config")
    if rng.random() < 0.2 or not isinstance(text, str):
        key = rng.choice(("format", "config", "config"))
        metadata[key] = rng.choice(_ODD_JSON)
        return header, body
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        return header, body
    if isinstance(config, dict) and config:
        key = rng.choice(sorted(config))
        value = config[key]
        near = value + rng.choice((-4, -1, 1, 4)) if isinstance(value, int) else value
        near = value[:-1] if isinstance(value, list) else near
        config[key] = rng.choice((*_ODD_VALUES, near, near))
        if rng.random() < 0.05:
            del config[key]
    metadata["config"] = json.dumps(config)
    return header, body


def _change_numbers(header: dict[str, Any], body: bytes, rng: random.Random) -> tuple[dict[str, Any], bytes]:
    names = [name for name in _tensors(header) if _is_entry(header[name])]
    if not names:
        return header, body
    # The small tensors decide more than their share of the bytes.
    entry = header[
        rng.choice([name for name in names if rng.random() < 0.3 or not name.startswith("network")] or names)
    ]
    begin, end = entry["data_offsets"]
    size = 4 if entry["dtype"] in ("I32", "F32") else 8 if entry["dtype"] == "I64" else 2
    part = bytearray(body[begin:end])
    for _ in range(rng.choice((1, 1, 2, 50))):
        if len(part) < size:
            break
        position = size * rng.randrange(len(part) // size)
        if size == 4 and position >= size and rng.random() < 0.4:
            _shift_weight(part, position, rng)
            continue
        values = _FLOATS if entry["dtype"] == "F32" else _NUMBERS.get(size, _HALVES)
        part[position : position + size] = rng.choice(values)
    return header, body[:begin] + bytes(part) + body[end:]


def _shift_weight(part: bytearray, position: int, rng: random.Random) -> None:
    """Keeps the sum of two neighbours: probability tables must have the right one."""
    low, high = struct.unpack_from("<ii", part, position - 4)
    amount = rng.choice((1, low - 1, low, low // 2))
    if -(1 << 31) <= low - amount < 1 << 31 and -(1 << 31) <= high + amount < 1 << 31:
        struct.pack_into("<ii", part, position - 4, low - amount, high + amount)


def _is_entry(entry: dict[str, Any]) -> bool:
    offsets, shape = entry.get("data_offsets"), entry.get("shape")
    return (
        isinstance(offsets, list)
        and len(offsets) == 2
        and all(isinstance(value, int) and 0 <= value < 1 << 40 for value in offsets)
        and isinstance(shape, list)
        and all(isinstance(value, int) and 0 <= value < 1 << 20 for value in shape)
        and isinstance(entry.get("dtype"), str)
    )
