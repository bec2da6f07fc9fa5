"""How an image is coded, apart from its quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from cnncompress.codec.refinement.levels import MAX_EFFORT

DEFAULT_QUALITY = 60.0
"""What is used if nothing is asked for, 0 .. 100."""

CodingChoice = Literal["auto", "avif", "learned", "lossless"]


@dataclass(frozen=True)
class EncodeSettings:
    """How an image is coded.

    Raises:
        ValueError: There is no such coding or effort.

    Attributes:
        coding: The one to use; ``auto`` for the model, and for graphics AVIF or no loss where that is worth it.
        effort: 0 .. 9, of the learned coding.
        tile: Side of the tiles of the learned coding; None to choose.
        exact: Whether colours under an alpha of 0 are coded as they are; else the lossy codings fill them smoothly.
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
        """Whether a model is needed, or may be."""
        return self.coding in ("auto", "learned")
