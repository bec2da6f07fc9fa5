"""Nets that are loaded from their descriptions, without a file or a converter, and run.

Loading transforms the weights for the kernels at hand, above all for Winograd's algorithm, and keeps nothing else of
them. Results do not depend on the number of threads: ncnn shares out the rows of a matrix product, and where it cuts
sums depends on the processor's caches alone.
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
"""How long idle threads of LLVM's OpenMP, which is that of ncnn on macOS, wait for the next layer without sleeping."""

_pointer_in = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


class Net:
    """A net that is loaded. Threads may run it at the same time."""

    def __init__(
        self, graph: Graph, outputs: Sequence[str], memory: Memory, threads: int = 1, *, winograd: bool = True
    ) -> None:
        """Loads a net.

        Args:
            graph: Its description.
            outputs: Blobs that are wanted.
            memory: Where these and all other blobs are.
            threads: How many run it.
            winograd: Whether to use Winograd's algorithm, whose weights take four times the room.
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
        """Runs it.

        Args:
            inputs: By name.

        Returns:
            The outputs in order, float32 ``[C, H, W]``; to be copied if they are kept for long.

        Raises:
            MemoryError: There is not enough.
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
    """Hands weights over, one array after the other."""

    def __init__(self, weights: Sequence[NDArray[Any]]) -> None:
        super().__init__()
        self._pending = list(reversed(weights))

    def read(self, destination: object, size: int) -> int:
        """Writes the next array to memory of ncnn's, whose address is in a capsule, and returns its size in bytes."""
        weights = self._pending.pop()
        if weights.nbytes != size:
            return 0
        ctypes.memmove(_pointer_in(destination, None), weights.ctypes.data, size)
        return size
