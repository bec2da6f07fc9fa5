"""Feature maps in memory of ncnn, which NumPy reads and writes.

ncnn pads each channel of a matrix to 16 bytes, and works in place if possible. Its matrices around foreign memory
neither pad nor count references, and some layers do not support that. Inputs of a net are therefore always in memory
of ncnn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.ncnn.library import ncnn

_SMALLEST_SHARE = 0.5
"""Smallest share of a free block that a request must need to get it. It took less time and memory than 0 or 0.75."""

Floats = NDArray[np.float32]


class FeatureMap:
    """A matrix, and the memory that must outlive it.

    Attributes:
        mat: The matrix, `ncnn.Mat`.
        memory: Memory of its elements, or None if the matrix has its own.
    """

    __slots__ = ("mat", "memory")  # freed in this order

    def __init__(self, mat: Any, memory: Memory | None = None) -> None:
        self.mat = mat
        self.memory = memory

    @classmethod
    def lasting(cls, channels: int, height: int, width: int) -> FeatureMap:
        """Returns an uninitialised feature map with its own memory."""
        return cls(_new_mat(channels, height, width, None))

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """NumPy's array interface; an array made from it keeps the feature map alive."""
        interface: dict[str, Any] = np.asarray(self.mat).__array_interface__
        return interface

    @property
    def elements(self) -> Floats:
        """Elements, float32 ``[C, H, W]``, in the same memory."""
        return np.asarray(self)

    def first(self, channels: int) -> FeatureMap:
        """Returns the first channels, in the same memory. The feature map must outlive the result."""
        return FeatureMap(self.mat.channel_range(0, channels), self.memory)


class Memory:
    """Memory pool of the nets of one engine: memory freed by one net is used again by the next.

    Allocating from the system each time would take as long as some layers. Threads may share it.
    """

    def __init__(self) -> None:
        self.feature_maps = ncnn.PoolAllocator()
        self.workspace = ncnn.PoolAllocator()
        for pool in (self.feature_maps, self.workspace):
            pool.set_size_compare_ratio(_SMALLEST_SHARE)

    def new(self, channels: int, height: int, width: int) -> FeatureMap:
        """Returns an uninitialised feature map."""
        return FeatureMap(_new_mat(channels, height, width, self.feature_maps), self)

    def copy_of(self, array: NDArray[Any]) -> FeatureMap:
        """Copies an array ``[C, H, W]`` of numbers into a feature map."""
        feature_map = self.new(*array.shape)
        feature_map.elements[...] = array
        return feature_map

    def vector(self, vector: Floats) -> FeatureMap:
        """Copies a vector ``[C]`` into an input to be added to, or multiplied with, all positions."""
        return self.copy_of(vector[:, None, None])


def as_batch(arrays: Iterable[NDArray[Any]]) -> NDArray[Any]:
    """Stacks arrays into a batch. A single array is not copied."""
    found = list(arrays)
    return found[0][None] if len(found) == 1 else np.stack(found)


def _new_mat(channels: int, height: int, width: int, pool: Any) -> Any:
    mat = ncnn.Mat((width, height, channels), allocator=pool)
    if mat.empty():
        raise MemoryError(f"no memory for {channels} x {height} x {width} numbers")
    return mat
