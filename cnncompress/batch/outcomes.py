"""What became of each file, and of all together; the same for people and as JSON."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cnncompress.batch.jobs import Action, Job
from cnncompress.bitstream.container import Container
from cnncompress.errors import SOME_FAILED_EXIT_CODE, CnncompressError

if TYPE_CHECKING:
    from cnncompress.codec.cache import CodecCache

SCHEMA = 1

Status = Literal["ok", "copied", "skipped", "planned", "error"]


@dataclass(frozen=True)
class Result:
    """What became of a file.

    Attributes:
        status: how it ended.
        input: the file, as it was named.
        output: where it went, if it has an output.
        input_bytes: its size.
        output_bytes: the output's size.
        width: pixels.
        height: pixels.
        mode: Pillow's name of the layout.
        coding: ``learned``, ``lossless`` or ``stored``.
        quality: 0..100, if the coding is learned.
        bpp: bits of the .cnc file a pixel.
        model: name of the model, if one was needed.
        device: where it ran.
        seconds: from opening to closing.
        reason: why it was skipped.
        warnings: what the image lost.
        error: what went wrong.
        exit_code: the exit code of that error.
        about: the file that the error is about, input or output.
        trace: the error's traceback.
        action: what would be done, if it is only planned.
        estimated_bytes: about the size that the output would have then.
    """

    status: Status
    input: str
    output: str | None = None
    input_bytes: int | None = None
    output_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    mode: str | None = None
    coding: str | None = None
    quality: float | None = None
    bpp: float | None = None
    model: str | None = None
    device: str | None = None
    seconds: float | None = None
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None
    exit_code: int | None = None
    about: str | None = None
    trace: str | None = None
    action: Action | None = None
    estimated_bytes: int | None = None

    @property
    def pixels(self) -> int:
        """Width times height, 0 if they are not known."""
        return (self.width or 0) * (self.height or 0)

    def to_json(self) -> dict[str, Any]:
        """Returns an object for JSON, without what does not apply."""
        values = {
            name: value
            for name, value in dataclasses.asdict(self).items()
            if value is not None and name not in ("about", "trace")
        }
        return {"schema": SCHEMA, "type": "file", **values, "warnings": list(self.warnings)}


def success(job: Job, container: Container, cnc_bytes: int, codecs: CodecCache) -> Result:
    """Returns the result of a .cnc file that was made or decoded, as far as the file tells.

    Args:
        job: what was to be done.
        container: the file.
        cnc_bytes: its size.
        codecs: what it was coded with is among them, if it has latents.
    """
    header, learned = container.header, container.coding == "learned"
    codec = codecs.decoder(header.fingerprint) if learned else None
    return Result(
        "ok",
        job.source,
        job.output or None,
        width=header.width,
        height=header.height,
        mode=header.layout.mode,
        coding=container.coding,
        quality=header.quality if container.coding in ("avif", "learned") else None,
        bpp=round(8 * cnc_bytes / (header.width * header.height), 4),
        model=codec.model if codec else None,
        device=str(codec.device) if codec else None,
    )


def failure(source: str, error: CnncompressError, *, output: str | None = None, about: str | None = None) -> Result:
    """Returns the result of a file that cannot be worked on.

    Args:
        source: the input.
        error: what is wrong.
        output: where it should have gone.
        about: the file that the error is about, by default the input.
    """
    return Result(
        "error", source, output, error=str(error), exit_code=error.exit_code, about=source if about is None else about
    )


@dataclass
class Totals:
    """Sums over the results so far.

    Attributes:
        statuses: how many ended how.
        reasons: why how many were skipped.
        planned: what would be done with how many.
        input_bytes: of what was worked on.
        output_bytes: of what was made.
        estimated_bytes: of what would be made.
        pixels: of what was worked on.
        exit_codes: of the failures, in their order.
    """

    statuses: Counter[Status] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    planned: Counter[Action] = field(default_factory=Counter)
    input_bytes: int = 0
    output_bytes: int = 0
    estimated_bytes: int = 0
    pixels: int = 0
    exit_codes: list[int] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many results there are."""
        return sum(self.statuses.values())

    def add(self, result: Result) -> None:
        """Counts a result."""
        self.statuses[result.status] += 1
        if result.action is not None:
            self.planned[result.action] += 1
        if result.status == "ok" or result.action not in (None, "copy"):
            self.input_bytes += result.input_bytes or 0
            self.output_bytes += result.output_bytes or 0
            self.estimated_bytes += result.estimated_bytes or 0
            self.pixels += result.pixels
        if result.reason is not None:
            self.reasons[result.reason] += 1
        if result.exit_code is not None:
            self.exit_codes.append(result.exit_code)

    @property
    def exit_code(self) -> int:
        """0 if nothing failed, the failure's own code for a single file, 1 if there were several."""
        if not self.exit_codes:
            return 0
        return self.exit_codes[0] if self.files == 1 else SOME_FAILED_EXIT_CODE

    def to_json(self, seconds: float) -> dict[str, Any]:
        """Returns an object for JSON.

        Args:
            seconds: how long everything took.
        """
        return {
            "schema": SCHEMA,
            "type": "summary",
            "files": self.files,
            "ok": self.statuses["ok"],
            "copied": self.statuses["copied"],
            "skipped": self.statuses["skipped"],
            "planned": self.statuses["planned"],
            "errors": self.statuses["error"],
            "input_bytes": self.input_bytes,
            "output_bytes": self.output_bytes,
            "estimated_bytes": self.estimated_bytes,
            "megapixels": round(self.pixels / 1e6, 3),
            "seconds": round(seconds, 3),
            "exit_code": self.exit_code,
        }
