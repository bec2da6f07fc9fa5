"""Padding to whole cells."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.ops.padding import pad_to_multiple, padded_size


@given(st.integers(1, 70000), st.integers(1, 70000), st.integers(1, 128))
def test_padded_size_is_the_next_multiple(height: int, width: int, multiple: int) -> None:
    for side, padded in zip((height, width), padded_size(height, width, multiple), strict=True):
        assert padded % multiple == 0
        assert 0 <= padded - side < multiple


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 4, 8, 64]))
def test_edges_are_repeated(height: int, width: int, multiple: int) -> None:
    x = torch.arange(2 * 3 * height * width, dtype=torch.float32).view(2, 3, height, width)
    padded = pad_to_multiple(x, multiple)
    rows, columns = padded_size(height, width, multiple)
    edges = ((0, 0), (0, 0), (0, rows - height), (0, columns - width))
    assert np.array_equal(padded.numpy(), np.pad(x.numpy(), edges, mode="edge"))
