"""The result of each file, and totals over all files; text messages and JSON are made from the same values."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cnncompress.batch.jobs import Action, Job
from cnncompress.bitstream.container import Container
from cnncompress.errors import SOME_FAILED_EXIT_CODE, CnncompressError
from cnncompress.units import bits_per_pixel

if TYPE_CHECKING:
    from cnncompress.codec.cache import CodecCache

SCHEMA = 1

Status = Literal["ok", "copied", "skipped", "planned", "error"]


@dataclass(frozen=True)
class MemberFailure:
    """A member that was left out.

    Attributes:
        member: Its name.
        error: Why it was left out.
        exit_code: Exit code of the error.
    """

    member: str
    error: str
    exit_code: int


@dataclass(frozen=True)
class TarReport:
    """What became of a tar.

    Attributes:
        images: Number of images that were compressed or decompressed.
        others: Number of other members, which were copied.
        pixels: Pixels of these images.
        failures: Images that failed and were left out.
    """

    images: int = 0
    others: int = 0
    pixels: int = 0
    failures: tuple[MemberFailure, ...] = ()


@dataclass(frozen=True)
class Result:
    """The result of one file. A value is None where it does not apply.

    Attributes:
        status: How the work on the file ended.
        input: Path of the input, as it was named.
        output: Path of the output.
        input_bytes: Size of the input in bytes.
        output_bytes: Size of the output in bytes.
        width: Width in pixels.
        height: Height in pixels.
        mode: Pillow's mode for the layout of the image.
        coding: How the image is coded: ``avif``, ``learned``, ``lossless`` or ``stored``.
        quality: Quality, ``0 .. 100``, if the coding is lossy.
        bpp: Rate of the .cnc file in bits per pixel.
        model: Name of the model, if one was needed.
        device: Device that the networks ran on.
        seconds: Duration of the work, from opening the input to closing the output.
        reason: Why the file was skipped.
        warnings: One line for each loss.
        error: Message of the error.
        exit_code: Exit code of the error.
        about: Path of the file that the error is about, input or output.
        trace: Traceback of the error.
        action: What would be done with a planned file.
        estimated_bytes: Approximate size in bytes that the output of a planned file would have.
        tar: What became of the members, if the file is a tar archive.
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
    tar: TarReport | None = None

    @property
    def pixels(self) -> int:
        """Width times height, or pixels of all images of a tar; 0 if unknown."""
        return self.tar.pixels if self.tar is not None else (self.width or 0) * (self.height or 0)

    def to_json(self) -> dict[str, Any]:
        """Returns an object for JSON, without the values that do not apply."""
        values = {
            name: value
            for name, value in dataclasses.asdict(self).items()
            if value is not None and name not in ("about", "trace")
        }
        return {"schema": SCHEMA, "type": "file", **values, "warnings": list(self.warnings)}


def success(job: Job, container: Container, cnc_bytes: int, codecs: CodecCache) -> Result:
    """Returns the result of a .cnc file that was written or decoded, with the values that the file itself contains.

    Args:
        job: The work that was done.
        container: The parsed file.
        cnc_bytes: Size of the file in bytes.
        codecs: Cache of the models; contains the model of the file if the coding is learned.
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
        bpp=round(bits_per_pixel(cnc_bytes, header.width, header.height), 4),
        model=codec.model if codec else None,
        device=str(codec.device) if codec else None,
    )


def failure(source: str, error: CnncompressError, *, output: str | None = None, about: str | None = None) -> Result:
    """Returns the result of a file whose work failed.

    Args:
        source: Path of the input.
        error: Why the work failed.
        output: Path of the output that should have been written, if any.
        about: Path of the file that the error is about; by default the input.
    """
    return Result(
        "error", source, output, error=str(error), exit_code=error.exit_code, about=source if about is None else about
    )


def known_error(error: Exception) -> CnncompressError:
    """Returns an error of this package for any exception: others are bugs."""
    if isinstance(error, CnncompressError):
        return error
    return CnncompressError(f"internal error: {type(error).__name__}: {error}; -vv shows where")


@dataclass
class Totals:
    """Totals over the results so far.

    Attributes:
        statuses: Number of files by status.
        reasons: Number of skipped files by reason.
        planned: Number of planned files by action.
        input_bytes: Size of the processed inputs in bytes.
        output_bytes: Size of their outputs in bytes.
        estimated_bytes: Estimated size of the planned outputs in bytes.
        tars: Number of the processed tar archives.
        images: Number of the processed images, those in tars among them.
        pixels: Pixels of these images.
        first_exit_code: Exit code of the first failure; 0 without failures.
    """

    statuses: Counter[Status] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    planned: Counter[Action] = field(default_factory=Counter)
    input_bytes: int = 0
    output_bytes: int = 0
    estimated_bytes: int = 0
    tars: int = 0
    images: int = 0
    pixels: int = 0
    first_exit_code: int = 0

    @property
    def files(self) -> int:
        """Number of results."""
        return sum(self.statuses.values())

    def add(self, result: Result) -> None:
        """Adds a result to the totals."""
        self.statuses[result.status] += 1
        if result.action is not None:
            self.planned[result.action] += 1
        written = result.status == "ok" or (result.status == "error" and result.tar is not None)
        if written or result.action not in (None, "copy"):
            self.tars += result.tar is not None
            self.images += 1 if result.tar is None else result.tar.images
            self.input_bytes += result.input_bytes or 0
            self.output_bytes += result.output_bytes or 0
            self.estimated_bytes += result.estimated_bytes or 0
            self.pixels += result.pixels
        if result.reason is not None:
            self.reasons[result.reason] += 1
        self.first_exit_code = self.first_exit_code or result.exit_code or 0

    @property
    def exit_code(self) -> int:
        """Exit code of the run: 0 without failures, that of the error for a single file, 1 for several files."""
        if not self.first_exit_code or self.files == 1:
            return self.first_exit_code
        return SOME_FAILED_EXIT_CODE

    def to_json(self, seconds: float, exit_code: int) -> dict[str, Any]:
        """Returns an object for JSON.

        Args:
            seconds: Duration of the whole run.
            exit_code: Exit code of the process, which is that of a signal if one ended the run.
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
            "images": self.images,
            "input_bytes": self.input_bytes,
            "output_bytes": self.output_bytes,
            "estimated_bytes": self.estimated_bytes,
            "megapixels": round(self.pixels / 1e6, 3),
            "seconds": round(seconds, 3),
            "exit_code": exit_code,
        }
