"""Cache of loaded models: each is loaded at its first use, and shared by all threads."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from cnncompress.bitstream.reading import ParsedFile
from cnncompress.codec.codec import ModelCodec
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.unpacking import Decoded, decode
from cnncompress.forking import watch_forks
from cnncompress.images.limits import Limits
from cnncompress.images.view import View
from cnncompress.model.manifest import find_by_fingerprint

if TYPE_CHECKING:
    from cnncompress.codec.bit_map import BitMap


class CodecCache:
    """The models used so far, each loaded once. Threads may share it."""

    def __init__(
        self,
        settings: ModelSettings,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        """Loads nothing yet.

        Args:
            settings: Names the model to compress with, which is also tried for files whose model is not installed, and
                how all models are run.
            limits: Limits on images.
        """
        self.limits = limits
        self._settings = settings
        self._lock = threading.Lock()
        self._encoder: ModelCodec | None = None
        self._loaded: dict[bytes, ModelCodec] = {}
        watch_forks(self)

    def use_one_thread(self) -> None:
        """Prepares for use in a forked process. Another thread may have been loading a model at the fork."""
        self._lock = threading.Lock()

    def encoder(self) -> ModelCodec:
        """Returns the codec to compress with.

        Raises:
            ModelError: The model is unknown or damaged.
            DeviceError: The device is not available.
        """
        with self._lock:
            if self._encoder is None:
                self._encoder = ModelCodec(self._settings, self.limits)
                self._loaded.setdefault(self._encoder.fingerprint, self._encoder)
            return self._encoder

    def decoder(self, fingerprint: bytes) -> ModelCodec:
        """Returns the codec of a file.

        Raises:
            ModelError: The model is not installed, or damaged.
            DeviceError: The device is not available.
        """
        if self._settings.model is not None:
            self.encoder()  # its model may be a file that is not installed
        with self._lock:
            if fingerprint not in self._loaded:
                settings = replace(self._settings, model=find_by_fingerprint(fingerprint))
                self._loaded[fingerprint] = ModelCodec(settings, self.limits)
            return self._loaded[fingerprint]

    def decode(
        self,
        parsed: ParsedFile,
        view: View = View(),  # noqa: B008 - frozen
        progress: Progress = unwatched,
    ) -> Decoded:
        """Decodes a file, with its model if it is learned; see `cnncompress.codec.unpacking`."""
        return decode(parsed, view, self.limits, self.decoder, progress)

    def bit_map(self, parsed: ParsedFile) -> BitMap | None:
        """Counts the bits of each block of a file; None unless it is learned. Errors as for `ModelCodec.bit_map`."""
        container = parsed.container
        return self.decoder(container.header.fingerprint).bit_map(parsed) if container.coding == "learned" else None
