"""Levels of effort: how much work the encoder spends on an image.

Level 0 is a single pass. The others refine its symbols in rounds (`cnncompress.codec.refinement`). A round changes
symbols by one, up or down, if that is expected to lower the rate-distortion cost. A *greedy* round takes all such
steps. A *bold* round overestimates the gain of steps and takes a random share of those that look good. Most of them are
not, and later rounds undo them; but steps that only pay together stay, and greedy rounds cannot find these.
docs/EFFORT.md has the measurements.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_EFFORT = 9

BOLD_SHARE = 0.7
"""Share of the promising steps that a bold round takes."""

LAST_CURVATURE_SCALE = 1.1
"""Limit of the rising curvature scale of bold rounds; above 1, so that the last of them undo slightly more steps."""


@dataclass(frozen=True)
class Round:
    """One gradient, and the steps chosen with it.

    Attributes:
        curvature_scale: Factor on the curvature of the distortion; 1 is the curvature from the norms of the synthesis
            transform.
        share: Share of the promising steps that are taken, drawn at random, 0 .. 1.
        measured: Whether to encode and decode the result, and keep it if its cost is the lowest so far.
    """

    curvature_scale: float = 1.0
    share: float = 1.0
    measured: bool = True


@dataclass(frozen=True)
class Effort:
    """A level of effort.

    Attributes:
        rounds: Rounds after the single pass, in order.
    """

    rounds: tuple[Round, ...] = ()


def _greedy(count: int) -> Effort:
    return Effort((Round(),) * count)


def _with_bold(count: int, boldest: float) -> Effort:
    """Returns two greedy rounds, bold rounds that become less bold, and two greedy rounds.

    The first two give a result even if the search is stopped early.
    """
    rise = (LAST_CURVATURE_SCALE - boldest) / count
    bold = tuple(Round(boldest + rise * index, BOLD_SHARE, measured=False) for index in range(count))
    return Effort((Round(), Round(), *bold, Round(), Round()))


EFFORTS = (
    _greedy(0),
    _greedy(1),
    _greedy(2),
    _greedy(2),
    _greedy(4),
    _greedy(4),
    _with_bold(6, 0.7),
    _with_bold(14, 0.7),
    _with_bold(40, 0.6),
    _with_bold(120, 0.6),
)
"""The levels, 0 .. 9."""
