"""How much work the encoder puts into an image: the levels of effort.

Level 0 is a single pass. The others refine its symbols in rounds (`cnncompress.codec.refinement`), each of which takes
single steps, one up or one down, that promise to lower the rate-distortion cost. A *greedy* round takes all of them. A
*bold* round overrates what steps gain and takes a random share of those that then seem worth it. Most are not, and the
rounds after it take them back, but where steps help each other they stay, which greedy rounds cannot find.
docs/EFFORT.md has the measurements.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_EFFORT = 9

BOLD_SHARE = 0.7
"""Share of the promising steps that a bold round takes."""

LAST_CURVATURE_SCALE = 1.1
"""What the curvature scale of bold rounds rises to: the last of them take back a little more than seems right."""


@dataclass(frozen=True)
class Round:
    """One gradient, and the steps that it makes.

    Attributes:
        curvature_scale: Factor on the curvature of the distortion, the part of a step's cost that does not depend on
            the image; 1 is what the synthesis transform's norms say.
        share: Share of the promising steps that are taken, drawn at random, 0 .. 1.
        measured: Whether to code and decode the result, which is kept if its cost is the lowest so far.
    """

    curvature_scale: float = 1.0
    share: float = 1.0
    measured: bool = True


@dataclass(frozen=True)
class Effort:
    """A level of effort.

    Attributes:
        rounds: What is done after the single pass, in order.
    """

    rounds: tuple[Round, ...] = ()


def _greedy(count: int) -> Effort:
    return Effort((Round(),) * count)


def _with_bold(count: int, boldest: float) -> Effort:
    """Bold rounds, less and less so, between two greedy ones at the start and two at the end.

    Should the search be stopped early, the first two have found something already.
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
"""What each level stands for, 0 .. 9."""
