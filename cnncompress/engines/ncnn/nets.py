"""Loads nets from their descriptions, without a file or a converter, and runs them.

Loading transforms the weights for the kernels of the processor, above all for Winograd's algorithm, and keeps only the
result. Outputs do not depend on the number of threads: threads share the rows of a matrix product, and sums are split
by the size of the processor's caches alone.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from cnncompress.engines.ncnn.graph import Graph
from cnncompress.engines.ncnn.library import ncnn
from cnncompress.engines.ncnn.mats import FeatureMap, Floats, Memory

_REDUCED_PRECISIONS = ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage")
_SPIN_MILLISECONDS = 1
"""Spin time of idle threads of LLVM's OpenMP, which ncnn uses on macOS, in milliseconds."""

_pointer_in = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


class Net:
    """A loaded net. Threads may run it at the same time."""

    def __init__(
        self, graph: Graph, outputs: Sequence[str], memory: Memory, threads: int = 1, *, winograd: bool = True
    ) -> None:
        """Loads a net.

        Args:
            graph: Description of the net.
            outputs: Blobs to return.
            memory: Memory for all blobs.
            threads: Number of threads.
            winograd: Whether to use Winograd's algorithm, whose weights take four times the memory.
        """
        text, self._outputs = graph.text(outputs)
        self._memory = memory
        self._net = ncnn.Net()
        options = self._net.opt
        options.num_threads = threads
        options.use_winograd_convolution = winograd
        options.openmp_blocktime = _SPIN_MILLISECONDS
        options.blob_allocator = memory.feature_maps
        options.workspace_allocator = memory.workspace
        for precision in _REDUCED_PRECISIONS:
            setattr(options, f"use_{precision}", False)
        if self._net.load_param_mem(text) or self._net.load_model(_Weights(graph.weights)):
            raise RuntimeError("ncnn does not take the description of a network")

    def __call__(self, inputs: Mapping[str, FeatureMap]) -> list[Floats]:
        """Runs the net.

        Args:
            inputs: Inputs by name.

        Returns:
            The outputs in order, float32 ``[C, H, W]``, in memory of the pool; copy them to keep them.

        Raises:
            MemoryError: There is not enough memory.
        """
        extractor = self._net.create_extractor()
        for name, feature_map in inputs.items():
            extractor.input(name, feature_map.mat)
        results = []
        for name in self._outputs:
            result: Any = ncnn.Mat()
            if extractor.extract(name, result):
                raise MemoryError("a network needs more than there is")
            results.append(FeatureMap(result, self._memory).elements)
        return results


class _Weights(ncnn.DataReader):  # type: ignore[misc]
    """Passes the weights to ncnn, one array after the other."""

    def __init__(self, weights: Sequence[NDArray[Any]]) -> None:
        super().__init__()
        self._pending = list(reversed(weights))

    def read(self, destination: object, size: int) -> int:
        """Writes the next array to memory of ncnn, whose address is in a capsule, and returns its size in bytes."""
        weights = self._pending.pop()
        if weights.nbytes != size:
            return 0
        ctypes.memmove(_pointer_in(destination, None), weights.ctypes.data, size)
        return size
