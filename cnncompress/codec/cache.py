"""Codecs in memory: each model is loaded when it is first needed, and then shared by all threads."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from cnncompress.bitstream.container import MAX_SIDE
from cnncompress.bitstream.reading import ParsedFile
from cnncompress.codec.codec import Codec
from cnncompress.codec.packing import Decoded, unpack_file
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.images.settings import DEFAULT_MEMORY_LIMIT, Limits
from cnncompress.images.view import View
from cnncompress.model.manifest import find_by_fingerprint

if TYPE_CHECKING:
    from cnncompress.model.devices import Precision


class CodecCache:
    """The models that were needed so far, each loaded once; threads may share them."""

    def __init__(
        self,
        model: str | os.PathLike[str] | None,
        device: str,
        max_pixels: int,
        max_dim: int = MAX_SIDE,
        threads: int | None = None,
        precision: Precision = "auto",
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
    ) -> None:
        """Loads nothing yet.

        Args:
            model: What to compress with, as for `Codec`; also tried for files whose model is not installed.
            device: Where to run, as for `Codec`.
            max_pixels: Largest width times height that is coded or decoded.
            max_dim: Longest side that is coded or decoded.
            threads: Threads of torch and NumPy in this process, set when the first model is loaded; None leaves them as
                they are.
            precision: What the networks compute in, as for `Codec`.
            memory_limit: Bytes that an image may take, as for `Codec`.
        """
        self.limits = Limits(max_pixels, max_dim, memory_limit)
        self._model = model
        self._device = device
        self._threads = threads
        self._precision = precision
        self._lock = threading.Lock()
        self._encoder: Codec | None = None
        self._loaded: dict[bytes, Codec] = {}

    def encoder(self) -> Codec:
        """Returns the codec to compress with.

        Raises:
            ModelError: its model is unknown or damaged.
            DeviceError: the device is not there.
        """
        with self._lock:
            if self._encoder is None:
                self._encoder = self._load(self._model)
                self._loaded.setdefault(self._encoder.fingerprint, self._encoder)
            return self._encoder

    def decoder(self, fingerprint: bytes) -> Codec:
        """Returns the codec of a file.

        Raises:
            ModelError: its model is not installed, or damaged.
            DeviceError: the device is not there.
        """
        if self._model is not None:
            self.encoder()  # may be a file that is not installed
        with self._lock:
            if fingerprint not in self._loaded:
                self._loaded[fingerprint] = self._load(find_by_fingerprint(fingerprint))
            return self._loaded[fingerprint]

    def decode(
        self,
        parsed: ParsedFile,
        view: View = View(),  # noqa: B008 - frozen
        keep_going: bool = False,
        progress: Progress = unwatched,
    ) -> Decoded:
        """Decodes a file that is taken apart, with the model that it was made with, if with any.

        Arguments as in `Codec.decode`, result and other errors as in `Codec.decompress_file`.

        Raises:
            ModelError: its model is not installed, or damaged.
            DeviceError: the device is not there.
        """
        container = parsed.container
        found = unpack_file(container, view, self.limits)
        return found or self.decoder(container.header.fingerprint).decode(parsed, view, keep_going, progress)

    def _load(self, model: str | os.PathLike[str] | None) -> Codec:
        codec = Codec(
            model,
            self._device,
            max_pixels=self.limits.max_pixels,
            max_dim=self.limits.max_dim,
            memory_limit=self.limits.memory,
            precision=self._precision,
        )
        if self._threads is not None:
            import torch
            from threadpoolctl import threadpool_limits

            torch.set_num_threads(self._threads)
            threadpool_limits(self._threads, user_api="blas")  # NumPy's, which the integer networks use
        return codec
