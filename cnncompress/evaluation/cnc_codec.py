"""cnncompress as one of the codecs to measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from cnncompress.evaluation.names import CNC
from cnncompress.evaluation.stopwatch import Stopwatch

if TYPE_CHECKING:
    from cnncompress import Codec
    from cnncompress.codec.encode_settings import CodingChoice

CNC_QUALITIES = tuple(float(quality) for quality in range(0, 101, 10))


@dataclass(frozen=True)
class CncSettings:
    """How cnncompress is driven.

    Attributes:
        model: Name or path of the weights; None for the default model.
        device: Where it runs.
        qualities: Qualities to measure, ``0 .. 100``, ascending.
        label: Name in results, to set several models side by side.
        coding, effort: As for `cnncompress.Codec.compress`.
    """

    model: str | Path | None = None
    device: str = "auto"
    qualities: tuple[float, ...] = CNC_QUALITIES
    label: str = CNC
    coding: CodingChoice = "auto"
    effort: int = 0


class CncCodec:
    """cnncompress through its public interface; the weights are loaded at the first use."""

    def __init__(
        self,
        settings: CncSettings = CncSettings(),
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self._settings = settings
        self._stopwatch = stopwatch
        self._codec: Codec | None = None

    @property
    def name(self) -> str:
        """The label."""
        return self._settings.label

    @property
    def settings(self) -> str:
        """Model and device; with the model's fingerprint once it is loaded."""
        chosen = self._settings
        shown = "the default model" if chosen.model is None else f"model {Path(chosen.model).name}"
        fingerprint = "" if self._codec is None else f" ({self._codec.fingerprint.hex()})"
        effort = f", effort {chosen.effort}" if chosen.effort else ""
        coding = "" if chosen.coding == "auto" else f", {chosen.coding}"
        return f"cnncompress, {shown}{fingerprint}{coding}{effort}, device {chosen.device}"

    @property
    def qualities(self) -> tuple[float, ...]:
        """See `cnncompress.evaluation.peers.ImageCodec`."""
        return self._settings.qualities

    def load(self) -> None:
        """Loads the weights.

        Raises:
            ModelError, DeviceError, MissingPackage: As for `cnncompress.Codec`.
        """
        self._loaded()

    @property
    def fingerprint(self) -> str:
        """See `cnncompress.evaluation.peers.ImageCodec`."""
        return self._loaded().fingerprint.hex()

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """Encodes an 8-bit RGB image as a whole .cnc file."""
        return self._loaded().compress(image, quality, coding=self._settings.coding, effort=self._settings.effort)

    def decode(self, data: bytes) -> Image.Image:
        """Decodes a .cnc file to an 8-bit RGB image."""
        return self._loaded().decompress(data).convert("RGB")

    def _loaded(self) -> Codec:
        if self._codec is None:
            from cnncompress import Codec

            self._codec = Codec(self._settings.model, self._settings.device, stopwatch=self._stopwatch)
        return self._codec
