"""How much work the encoder puts into an image: the levels of effort.

Level 0 is a single pass. The others refine its symbols in rounds (`cnncompress.codec.refinement`), each of which takes
single steps, one up or one down, that promise to lower the rate-distortion cost. A *greedy* round takes all of them. A
*bold* round overrates what steps gain and takes a random share of those that then seem worth it. Most are not, and the
rounds after it take them back, but where steps help each other they stay, which greedy rounds cannot find.
docs/EFFORT.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

BOLD_SHARE = 0.5
BOLD_CAUTION = 0.8


@dataclass(frozen=True)
class Round:
    """One gradient, and the steps that it makes.

    Attributes:
        caution: Factor on the curvature of the distortion, the part of a step's cost that does not depend on the
            image; 1 is what the synthesis transform's norms say.
        share: Share of the promising steps that are taken, drawn at random, 0 .. 1.
        through_context: Whether the gradient sees what a step does to the means of the coding steps after it.
        measured: Whether to code and decode the result, which is kept if its cost is the lowest so far.
    """

    caution: float = 1.0
    share: float = 1.0
    through_context: bool = True
    measured: bool = True


@dataclass(frozen=True)
class Effort:
    """A level of effort.

    Attributes:
        greedy: Rounds at the start; should the search be stopped early, they have found something already.
        bold: Rounds in the middle, from boldest to almost greedy.
        final: Greedy rounds at the end.
        through_context: As in `Round`.
        caution: Of the greedy rounds at the start.
    """

    greedy: int = 0
    bold: int = 0
    final: int = 0
    through_context: bool = True
    caution: float = 1.0

    @property
    def total(self) -> int:
        """Number of rounds."""
        return self.greedy + self.bold + self.final

    def rounds(self) -> Iterator[Round]:
        """The rounds, in order."""
        for _ in range(self.greedy):
            yield Round(self.caution, through_context=self.through_context)
        for index in range(self.bold):
            caution = BOLD_CAUTION + (1.0 - BOLD_CAUTION) * index / self.bold
            yield Round(caution, BOLD_SHARE, self.through_context, measured=False)
        for _ in range(self.final):
            yield Round(through_context=self.through_context)


EFFORTS = (
    Effort(),
    Effort(greedy=1, through_context=False),
    Effort(greedy=1),
    Effort(greedy=2),
    Effort(greedy=4),
    Effort(greedy=2, bold=6, final=2),
    Effort(greedy=2, bold=14, final=2),
    Effort(greedy=2, bold=30, final=2),
    Effort(greedy=2, bold=60, final=2),
    Effort(greedy=2, bold=120, final=2),
)
"""What each level stands for, 0 .. 9."""
