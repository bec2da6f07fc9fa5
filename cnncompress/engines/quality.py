"""Quality-dependent tables for engines in NumPy: the same as `cnncompress.nn.quality`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.units import HIGHEST_QUALITY, Hundredths


def interpolated(table: NDArray[Any], quality: Hundredths) -> NDArray[np.float32]:
    """Interpolates a table ``[A, C]`` linearly at a quality: float32 ``[C]``."""
    anchors = len(table)
    position = quality / HIGHEST_QUALITY * (anchors - 1)
    low = min(int(position), anchors - 2)
    weight = np.float32(position - low)
    row: NDArray[np.float32] = table[low] * (np.float32(1.0) - weight) + table[low + 1] * weight
    return row
