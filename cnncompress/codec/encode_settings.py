"""Settings for encoding, except the quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from cnncompress.codec.refinement.levels import MAX_EFFORT

DEFAULT_QUALITY = 60.0
"""Default quality, 0 .. 100."""

CodingChoice = Literal["auto", "avif", "learned", "lossless"]


@dataclass(frozen=True)
class EncodeSettings:
    """Settings for encoding an image.

    Raises:
        ValueError: The coding or effort does not exist.

    Attributes:
        coding: The coding; ``auto`` is the model, or for graphics AVIF or lossless coding if that is better.
        effort: Effort of the learned coding, 0 .. 9.
        tile: Side of the tiles of the learned coding; None chooses it by the size of the image.
        exact: Whether colours under an alpha of 0 are kept. Otherwise the lossy codings fill them smoothly.
    """

    coding: CodingChoice = "auto"
    effort: int = 0
    tile: int | None = None
    exact: bool = False

    def __post_init__(self) -> None:
        if self.coding not in get_args(CodingChoice):
            raise ValueError(f"coding is {self.coding!r}, expected one of {', '.join(get_args(CodingChoice))}")
        if not (isinstance(self.effort, int) and 0 <= self.effort <= MAX_EFFORT):
            raise ValueError(f"effort is {self.effort!r}, must be a whole number within 0 .. {MAX_EFFORT}")

    @property
    def may_need_model(self) -> bool:
        """Whether a model may be needed."""
        return self.coding in ("auto", "learned")
