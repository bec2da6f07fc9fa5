"""The memory of feature maps, and NumPy arrays as ncnn's matrices and back.

ncnn pads each channel of a matrix to 16 bytes, and works in place where it may. Its matrices around foreign memory
neither pad nor count references, which some of its layers do not expect. What goes into a net is therefore always
memory of ncnn's, and NumPy writes straight into it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.ncnn.library import ncnn

Mat = Any
"""`ncnn.Mat`, which has no types."""

_SMALLEST_SHARE = 0.5
"""How much of a free block a request must need to get it; as measured, less time and memory than for 0 or 0.75."""


class Memory:
    """Memory for the nets of one engine, one after the other: what one has freed is there for the next.

    Getting it from the system each time would take as long as some layers. Threads may share it. It must live longer
    than its matrices, so that what leaves an engine is copied.
    """

    def __init__(self) -> None:
        self.feature_maps = ncnn.PoolAllocator()
        self.workspace = ncnn.PoolAllocator()
        for pool in (self.feature_maps, self.workspace):
            pool.set_size_compare_ratio(_SMALLEST_SHARE)

    def mat(self, channels: int, height: int, width: int) -> tuple[Mat, NDArray[np.float32]]:
        """Makes a matrix that is not filled yet.

        Returns:
            The matrix, and its elements as a float32 array ``[C, H, W]`` to be written.
        """
        return _new(channels, height, width, self.feature_maps)

    def copy_of(self, array: NDArray[np.float32]) -> Mat:
        """Copies an array ``[C, H, W]`` into a matrix."""
        mat, elements = self.mat(*array.shape)
        elements[...] = array
        return mat

    def vector(self, vector: NDArray[np.float32]) -> Mat:
        """Copies a vector ``[C]`` into a matrix that is added to or multiplied with all positions of a feature map."""
        return self.copy_of(vector[:, None, None])


def lasting_mat(channels: int, height: int, width: int) -> tuple[Mat, NDArray[np.float32]]:
    """Makes a matrix as `Memory.mat` does, but in memory of its own, which may outlive an engine."""
    return _new(channels, height, width, None)


def _new(channels: int, height: int, width: int, pool: Any) -> tuple[Mat, NDArray[np.float32]]:
    mat = ncnn.Mat((width, height, channels), allocator=pool)
    if mat.empty():
        raise MemoryError(f"no memory for {channels} x {height} x {width} numbers")
    return mat, array_of(mat)


def array_of(mat: Mat) -> NDArray[np.float32]:
    """The elements of a matrix, float32 ``[C, H, W]``: its own memory, which the array keeps."""
    return np.asarray(mat)
