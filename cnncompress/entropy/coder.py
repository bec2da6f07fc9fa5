"""rANS coding of integer symbols with the stored tables, by `constriction`.

Symbols are grouped by scale level with a stable sort, and each group is one vectorised call. Magnitudes above a table's
radius R are coded as the table's escape. After the last group come, for all escapes together, the Exp-Golomb prefixes
of ``|s| - R - 1``, the signs and the remaining bits.

rANS is a stack: the symbol pushed last is popped first. `SymbolEncoder.push` therefore takes the parts of a message in
reverse order, and pushes the symbols of a part from back to front.

All models are ``Categorical(p, perfect=False)`` with ``p = weight - 1``: their fixed-point weights are then exactly the
stored integers, on every platform.
"""

from __future__ import annotations

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from cnncompress.entropy.tables import TOTAL, ScaleTables
from cnncompress.errors import Corrupt

MAX_SYMBOL = 1 << 20
"""Largest magnitude of a symbol."""
MAX_PREFIX = 20
_WORD_BYTES = 4

# Limits the memory for the remaining bits of escapes, up to 20 integers each.
_ESCAPES_AT_ONCE = 1 << 12

# The coder starts at this state instead of 0, which costs one bit per message. A decoder that reads too far goes to 0
# and stays there (or where the first entry of its tables, if its weight is 2 or more, keeps it). So it does not end in
# this state.
_SENTINEL = np.array([1], dtype=np.uint32)


def _model(weights: NDArray[np.integer[Any]]) -> Any:
    return constriction.stream.model.Categorical(weights.astype(np.float64) - 1.0, perfect=False)


def prefix_weights() -> NDArray[np.int64]:
    """Returns the integer weights of the Exp-Golomb prefixes ``0 .. MAX_PREFIX`` of escapes; their sum is 2^24."""
    weights = 1 + (TOTAL >> np.arange(1, MAX_PREFIX + 2))
    weights[0] += TOTAL - weights.sum()
    return weights


class EntropyModel:
    """The tables in the form that `constriction` needs. Read-only: coders and threads may share it."""

    def __init__(self, tables: ScaleTables) -> None:
        """Prepares the models of all levels.

        Args:
            tables: The stored tables.
        """
        self.radii = tables.radii
        self.levels = [_model(weights) for weights in tables.split()]
        self.prefix = _model(prefix_weights())
        self.bit = _model(np.array([TOTAL // 2, TOTAL // 2]))


class SymbolEncoder:
    """Encodes the parts of one message."""

    def __init__(self, model: EntropyModel) -> None:
        self._model = model
        self._coder = constriction.stream.stack.AnsCoder(_SENTINEL)

    def push(self, symbols: NDArray[np.int32], levels: NDArray[np.uint8]) -> None:
        """Encodes one part. The part that is decoded first must be pushed last.

        Args:
            symbols: int32 ``[n]``, magnitudes up to `MAX_SYMBOL`.
            levels: uint8 ``[n]``, scale level of each symbol, 0 .. 63.
        """
        order = np.argsort(levels, kind="stable")
        counts = np.bincount(levels, minlength=len(self._model.levels))
        radii = np.repeat(self._model.radii, counts)
        entries = symbols.take(order)
        entries += radii
        escaped = np.flatnonzero((entries < 0) | (entries > 2 * radii))
        self._push_escapes(entries[escaped] - radii[escaped], radii[escaped])
        entries[escaped] = 2 * radii[escaped] + 1
        ends = np.cumsum(counts)
        for level in np.flatnonzero(counts)[::-1]:
            group = entries[ends[level] - counts[level] : ends[level]]
            self._coder.encode_reverse(group, self._model.levels[level])

    def _push_escapes(self, symbols: NDArray[np.int32], radii: NDArray[np.int32]) -> None:
        if not len(symbols):
            return
        values = (np.abs(symbols) - radii).astype(np.int64)  # |s| - R - 1 plus the 1 of Exp-Golomb
        prefixes = np.floor(np.log2(values)).astype(np.int32)
        bits = [
            (value >> shift) & 1
            for value, p in zip(values.tolist(), prefixes.tolist(), strict=True)
            for shift in range(p)
        ]
        self._coder.encode_reverse(np.array(bits, dtype=np.int32), self._model.bit)
        self._coder.encode_reverse((symbols < 0).astype(np.int32), self._model.bit)
        self._coder.encode_reverse(prefixes, self._model.prefix)

    def to_bytes(self) -> bytes:
        """Returns the message: little-endian 32-bit words, without the zero bytes at the end."""
        words: NDArray[np.uint32] = self._coder.get_compressed()
        return words.astype("<u4").tobytes().rstrip(b"\0")


class SymbolDecoder:
    """Decodes the parts of one message, in order."""

    def __init__(self, model: EntropyModel, payload: bytes) -> None:
        """Starts at the first part.

        Args:
            model: The same tables as the encoder's.
            payload: Result of `SymbolEncoder.to_bytes`.

        Raises:
            Corrupt: The payload is empty, or its last byte is 0.
        """
        self._model = model
        if not payload or not payload[-1]:
            raise Corrupt("entropy-coded data is empty or ends with a zero")
        words = np.frombuffer(payload + bytes(-len(payload) % _WORD_BYTES), dtype="<u4")
        self._coder = constriction.stream.stack.AnsCoder(words.astype(np.uint32))

    def pop(self, levels: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Decodes the next part.

        Args:
            levels: uint8 ``[n]``, scale level of each symbol, as given to `SymbolEncoder.push`.

        Returns:
            int32 ``[n]``, the symbols.

        Raises:
            Corrupt: The data cannot be decoded.
        """
        order = np.argsort(levels, kind="stable")
        counts = np.bincount(levels, minlength=len(self._model.levels))
        try:
            groups = [
                self._coder.decode(self._model.levels[level], int(counts[level])) for level in np.flatnonzero(counts)
            ]
            entries = np.concatenate(groups) if groups else np.zeros(0, dtype=np.int32)
            radii = np.repeat(self._model.radii, counts)
            sorted_symbols = entries - radii
            escaped = entries == 2 * radii + 1
            if escaped.any():
                sorted_symbols[escaped] = self._pop_escapes(radii[escaped])
        except (ValueError, AssertionError) as error:
            raise Corrupt(f"entropy-coded data: {error}") from error
        symbols = np.empty(len(levels), dtype=np.int32)
        symbols[order] = sorted_symbols
        return symbols

    def _pop_escapes(self, radii: NDArray[np.int32]) -> NDArray[np.int32]:
        prefixes = self._coder.decode(self._model.prefix, len(radii))
        negative = self._coder.decode(self._model.bit, len(radii)).astype(bool)
        magnitudes: NDArray[np.int64] = radii + (np.int64(1) << prefixes)
        for start in range(0, len(prefixes), _ESCAPES_AT_ONCE):
            lengths = prefixes[start : start + _ESCAPES_AT_ONCE]
            bits = self._coder.decode(self._model.bit, int(lengths.sum()))
            shifts = np.arange(len(bits)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            owners = np.repeat(np.arange(len(lengths)), lengths)
            sums = np.bincount(owners, weights=bits << shifts, minlength=len(lengths))  # float64, but below 2^21
            magnitudes[start : start + _ESCAPES_AT_ONCE] += sums.astype(np.int64)
        if magnitudes.max() > MAX_SYMBOL:
            raise Corrupt(f"symbol of magnitude {magnitudes.max()}, at most {MAX_SYMBOL} is allowed")
        return np.where(negative, -magnitudes, magnitudes).astype(np.int32)

    def finish(self) -> None:
        """Checks that the message ends here.

        Raises:
            Corrupt: Data is left over, or the decoder read beyond the end.
        """
        if not np.array_equal(self._coder.get_compressed(), _SENTINEL):
            raise Corrupt("entropy-coded data does not end where its symbols do")
