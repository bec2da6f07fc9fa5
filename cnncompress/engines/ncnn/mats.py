"""Feature maps in the memory of ncnn, which NumPy reads and writes.

ncnn pads each channel of a matrix to 16 bytes, and works in place where it may. Its matrices around foreign memory
neither pad nor count references, which some of its layers do not expect. What goes into a net is therefore always
memory of ncnn's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.ncnn.library import ncnn

_SMALLEST_SHARE = 0.5
"""How much of a free block a request must need to get it; as measured, less time and memory than for 0 or 0.75."""

Floats = NDArray[np.float32]


class FeatureMap:
    """A matrix, and the memory that must outlive it.

    Attributes:
        mat: The matrix, `ncnn.Mat`.
        memory: Where its elements are, or None if it has memory of its own.
    """

    __slots__ = ("mat", "memory")  # which are freed in this order

    def __init__(self, mat: Any, memory: Memory | None = None) -> None:
        self.mat = mat
        self.memory = memory

    @classmethod
    def lasting(cls, channels: int, height: int, width: int) -> FeatureMap:
        """Makes one that is not filled yet, in memory of its own."""
        return cls(_new_mat(channels, height, width, None))

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """What NumPy needs to make an array of it, which then keeps it."""
        interface: dict[str, Any] = np.asarray(self.mat).__array_interface__
        return interface

    @property
    def elements(self) -> Floats:
        """Its elements, float32 ``[C, H, W]``, in the same memory."""
        return np.asarray(self)

    def first(self, channels: int) -> FeatureMap:
        """Its first channels, in the same memory, while it lives."""
        return FeatureMap(self.mat.channel_range(0, channels), self.memory)


class Memory:
    """Memory for the nets of one engine, one after the other: what one has freed is there for the next.

    Getting it from the system each time would take as long as some layers. Threads may share it.
    """

    def __init__(self) -> None:
        self.feature_maps = ncnn.PoolAllocator()
        self.workspace = ncnn.PoolAllocator()
        for pool in (self.feature_maps, self.workspace):
            pool.set_size_compare_ratio(_SMALLEST_SHARE)

    def new(self, channels: int, height: int, width: int) -> FeatureMap:
        """Makes a feature map that is not filled yet."""
        return FeatureMap(_new_mat(channels, height, width, self.feature_maps), self)

    def copy_of(self, array: NDArray[Any]) -> FeatureMap:
        """Copies an array ``[C, H, W]`` of numbers into a feature map."""
        feature_map = self.new(*array.shape)
        feature_map.elements[...] = array
        return feature_map

    def vector(self, vector: Floats) -> FeatureMap:
        """Copies a vector ``[C]`` into what is added to or multiplied with all positions of a feature map."""
        return self.copy_of(vector[:, None, None])


def as_batch(arrays: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Arrays as one batch; a single one is not copied."""
    found = list(arrays)
    return found[0][None] if len(found) == 1 else np.stack(found)


def _new_mat(channels: int, height: int, width: int, pool: Any) -> Any:
    mat = ncnn.Mat((width, height, channels), allocator=pool)
    if mat.empty():
        raise MemoryError(f"no memory for {channels} x {height} x {width} numbers")
    return mat
