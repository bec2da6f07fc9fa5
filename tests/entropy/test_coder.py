"""The entropy coder: round trips, exact bytes, cost, and what damaged data does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cnncompress.entropy.coder import MAX_PREFIX, MAX_SYMBOL, EntropyModel, SymbolDecoder, SymbolEncoder
from cnncompress.entropy.tables import MAX_RADIUS, TOTAL, ScaleTables, build_tables
from cnncompress.errors import Corrupt
from cnncompress.model.config import SCALE_LEVELS

Part = tuple[NDArray[np.int32], NDArray[np.uint8]]


def integer_tables() -> ScaleTables:
    """Tables of integer arithmetic alone, the same on every machine: weights fall as ``1 / (1 + |s|)^2``."""
    radii = [1 + level % 23 for level in range(SCALE_LEVELS)]
    tables = []
    for radius in radii:
        shares = [(1 << 30) // (1 + abs(symbol)) ** 2 for symbol in range(-radius, radius + 1)] + [1 << 18]
        weights = [1 + share * (TOTAL - 2 * len(shares)) // sum(shares) for share in shares]
        weights[radius] += TOTAL - sum(weights)
        tables.append(weights)
    return ScaleTables(np.array(radii, dtype=np.int32), np.concatenate(tables).astype(np.int32))


MODEL = EntropyModel(integer_tables())
GAUSSIAN = build_tables(np.zeros((SCALE_LEVELS, 2 * MAX_RADIUS + 1), dtype=np.int64))
GAUSSIAN_MODEL = EntropyModel(GAUSSIAN)


def part(pairs: list[tuple[int, int]]) -> Part:
    symbols = np.array([symbol for symbol, _ in pairs], dtype=np.int32)
    return symbols, np.array([level for _, level in pairs], dtype=np.uint8)


def encode(parts: list[Part], model: EntropyModel = MODEL) -> bytes:
    encoder = SymbolEncoder(model)
    for symbols, levels in reversed(parts):
        encoder.push(symbols, levels)
    return encoder.to_bytes()


def decode(payload: bytes, levels: list[NDArray[np.uint8]], model: EntropyModel = MODEL) -> list[NDArray[np.int32]]:
    decoder = SymbolDecoder(model, payload)
    parts = [decoder.pop(each) for each in levels]
    decoder.finish()
    return parts


def assert_round_trip(parts: list[Part], model: EntropyModel = MODEL) -> bytes:
    payload = encode(parts, model)
    decoded = decode(payload, [levels for _, levels in parts], model)
    for (symbols, _), found in zip(parts, decoded, strict=True):
        assert found.dtype == np.int32 and np.array_equal(found, symbols)
    return payload


MESSAGE = [
    part([(0, 0), (1, 0), (-1, 5), (2, 5), (-3, 63), (0, 63), (0, 7), (4, 22), (-17, 18)]),
    part([]),
    part([(5, 0), (-5, 0), (1000, 3), (-MAX_SYMBOL, 3), (MAX_SYMBOL, 40), (2, 0), (3, 1), (0, 1)]),
]
MESSAGE_BYTES = bytes.fromhex("010080f3ffdf7d11e9ffff2c7efeff83fdf7ff1e5cfaff8f61a0ea4e5fc39b6e45")


def test_golden_bytes() -> None:
    """If this changes, files of earlier versions cannot be read any more."""
    assert assert_round_trip(MESSAGE).hex() == MESSAGE_BYTES.hex()


SYMBOLS = st.one_of(
    st.integers(-3, 3), st.integers(-40, 40), st.integers(-5000, 5000), st.integers(-MAX_SYMBOL, MAX_SYMBOL)
)
PARTS = st.lists(
    st.lists(st.tuples(SYMBOLS, st.integers(0, SCALE_LEVELS - 1)), max_size=60).map(part), min_size=1, max_size=4
)


@given(PARTS)
def test_round_trips(parts: list[Part]) -> None:
    for model in (MODEL, GAUSSIAN_MODEL):
        payload = assert_round_trip(parts, model)
        assert payload[-1]


@pytest.mark.parametrize("level", range(0, SCALE_LEVELS, 7))
def test_every_magnitude_about_the_radius_and_every_power_of_two(level: int) -> None:
    radius = int(MODEL.radii[level])
    magnitudes = {*range(radius + 20), *(radius + (1 << k) + d for k in range(20) for d in (-1, 0, 1)), MAX_SYMBOL}
    symbols = [sign * magnitude for magnitude in sorted(magnitudes) for sign in (1, -1)]
    assert_round_trip([part([(symbol, level) for symbol in symbols])])


def test_nothing_is_coded_in_the_first_state_alone() -> None:
    assert assert_round_trip([part([])]) == b"\x01"
    assert encode([]) == b"\x01"


def test_reading_too_far_is_noticed() -> None:
    """An exhausted coder returns the first symbol of each table for ever; the state at the end gives it away."""
    symbols, levels = MESSAGE[0]
    payload = encode([(symbols, levels)])
    for more in (1, 10, 1000):
        decoder = SymbolDecoder(MODEL, payload)
        decoder.pop(np.concatenate([levels, np.full(more, 20, dtype=np.uint8)]))
        with pytest.raises(Corrupt):
            decoder.finish()


def test_order_of_levels_in_memory_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    symbols = rng.integers(-9, 10, 500).astype(np.int32)
    levels = rng.integers(0, SCALE_LEVELS, 1000).astype(np.uint8)
    assert encode([(symbols, levels[::2])]) == encode([(symbols, levels[::2].copy())])


@pytest.mark.parametrize("highest", [10, 30, SCALE_LEVELS - 1])
def test_size_is_that_of_the_tables(highest: int) -> None:
    rng = np.random.default_rng(highest)
    levels = rng.integers(0, highest + 1, 20000).astype(np.uint8)
    tables = GAUSSIAN.split()
    symbols = np.empty(len(levels), dtype=np.int32)
    ideal = 0.0
    for level, table in enumerate(tables[: highest + 1]):
        chosen = levels == level
        inside = table[:-1] / table[:-1].sum()  # no escapes here
        entries = rng.choice(len(inside), int(chosen.sum()), p=inside)
        symbols[chosen] = entries - GAUSSIAN.radii[level]
        ideal -= float(np.log2(table[entries] / TOTAL).sum())
    size = 8 * len(assert_round_trip([(symbols, levels)], GAUSSIAN_MODEL))
    assert ideal - 64 <= size <= 1.005 * ideal + 64


def test_escapes_cost_little_more_than_their_bits() -> None:
    """Exp-Golomb: about twice the logarithm, and the escape itself."""
    rng = np.random.default_rng(5)
    levels = np.full(1000, 3, dtype=np.uint8)
    symbols = rng.integers(500, 1000, 1000).astype(np.int32) * rng.choice([-1, 1], 1000).astype(np.int32)
    size = 8 * len(assert_round_trip([(symbols, levels)]))
    escape = -np.log2(MODEL_WEIGHTS[3][-1] / TOTAL)
    assert size <= 1000 * (escape + 2 * np.log2(1000) + 2) + 64


MODEL_WEIGHTS = integer_tables().split()


@given(st.binary(max_size=400), st.lists(st.integers(0, SCALE_LEVELS - 1), max_size=100))
@settings(max_examples=200)
def test_random_bytes_decode_to_symbols_or_are_corrupt(payload: bytes, levels: list[int]) -> None:
    wanted = np.array(levels, dtype=np.uint8)
    for model in (MODEL, GAUSSIAN_MODEL):
        try:
            decoder = SymbolDecoder(model, payload)
            symbols = decoder.pop(wanted)
            decoder.finish()
        except Corrupt as error:
            assert "\n" not in str(error)
        else:
            assert symbols.shape == wanted.shape and np.abs(symbols.astype(np.int64)).max(initial=0) <= MAX_SYMBOL


def test_every_truncation_is_noticed_or_gives_symbols() -> None:
    rng = np.random.default_rng(2)
    levels = rng.integers(0, SCALE_LEVELS, 300).astype(np.uint8)
    payload = encode([(rng.integers(-30, 31, 300).astype(np.int32), levels)])
    noticed = 0
    for length in range(len(payload)):
        try:
            assert decode(payload[:length], [levels])[0].shape == levels.shape
        except Corrupt:
            noticed += 1
    assert noticed > 0.9 * len(payload)


def test_left_over_data_is_noticed() -> None:
    _symbols, levels = MESSAGE[0]
    payload = encode([MESSAGE[0]])
    with pytest.raises(Corrupt, match="does not end where its symbols do"):
        decode(payload, [levels[:4]])
    with pytest.raises(Corrupt, match="does not end where its symbols do"):
        decode(payload + bytes(-len(payload) % 4) + b"\x01", [levels])


@pytest.mark.parametrize("payload", [b"", b"\0", b"\x01\0", b"abcdefg\0"])
def test_what_is_no_message(payload: bytes) -> None:
    with pytest.raises(Corrupt, match="is empty or ends with a zero"):
        SymbolDecoder(MODEL, payload)


def test_symbols_beyond_the_limit_are_corrupt() -> None:
    """The prefix 20 reaches further than any symbol that an encoder sends."""
    assert MAX_SYMBOL < 1 << (MAX_PREFIX + 1)
    with pytest.raises(Corrupt, match=f"at most {MAX_SYMBOL} is allowed"):
        decode(encode([part([(MAX_SYMBOL + 1, 0)])]), [np.zeros(1, dtype=np.uint8)])


@pytest.mark.parametrize("error", [ValueError("no data"), AssertionError("bad state")])
def test_errors_of_the_library_become_corrupt(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        """Stands for a coder that refuses its data."""

        def __init__(self, *args: Any) -> None:
            pass

        def decode(self, *args: Any) -> None:
            raise error

    monkeypatch.setattr("constriction.stream.stack.AnsCoder", Failing)
    with pytest.raises(Corrupt, match=str(error)) as caught:
        SymbolDecoder(MODEL, b"1234").pop(np.zeros(3, dtype=np.uint8))
    assert caught.value.__cause__ is error


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """With its default arguments the library prints warnings to standard output."""
    assert_round_trip(MESSAGE, EntropyModel(integer_tables()))
    assert capfd.readouterr() == ("", "")


def test_tables_are_used_to_the_last_bit() -> None:
    """One unit of weight moved from one symbol to another changes the bytes of a long message."""
    tables = integer_tables()
    moved = tables.weights.copy()
    moved[0] += 1
    moved[1] -= 1
    message = [part([(-1, 0), (0, 0), (1, 0)] * 2000)]
    assert encode(message) != encode(message, EntropyModel(ScaleTables(tables.radii, moved)))
