"""Lines of text about the results: for each file, and for the whole run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath
from typing import Literal

from cnncompress.batch.jobs import Action
from cnncompress.batch.outcomes import Result, Totals
from cnncompress.batch.request import Operation
from cnncompress.remote import plain_url
from cnncompress.units import format_bytes, format_rate, percent, plural

_DONE: dict[Action, str] = {
    "compress": "compressed",
    "decompress": "decompressed",
    "test": "tested",
    "copy": "copied",
}

Sought = Literal["image", "cnc", "tar"]
"""Kind of files that are inputs."""

_SOUGHT: dict[Sought, tuple[str, str]] = {
    "image": ("a supported image", "supported images"),
    "cnc": ("a .cnc file", ".cnc files"),
    "tar": ("a tar archive", "tar archives"),
}
"""Such a file, and several of them."""

_LISTED_ENDINGS = 8
_MANIFOLD = 2
"""From this factor on, growth is shown as a factor, below as a percentage."""


def line_about(result: Result, operation: Operation, *, detailed: bool = True) -> str | None:
    """Returns a line about what became of a file; None for a failure, which has a message of its own.

    Args:
        result: The result.
        operation: What was to be done with the file.
        detailed: Whether to add the rate, and the device that the networks ran on.
    """
    name = result.input if result.output is None else f"{result.input} -> {result.output}"
    if result.status == "skipped":
        return f"{result.input}: skipped, {result.reason}"
    if result.status == "copied":
        return f"{name}: copied"
    if result.action is not None:
        return f"{name}: would be {_DONE[result.action]}{_expectation(result)}"
    if result.status != "ok" or result.input_bytes is None:
        return None
    facts = [name]
    if result.output_bytes is not None:
        facts.append(sizes(result.input_bytes, result.output_bytes, operation))
    if result.tar is not None:
        facts += [plural(result.tar.images, "image"), plural(result.tar.others, "other member")]
    if result.width is not None:
        facts.append(f"{result.width}x{result.height}")
    if result.coding is not None and result.coding != "learned":
        facts.append(result.coding)
    if result.quality is not None:
        facts.append(f"quality {result.quality:g}")
    if detailed and result.bpp is not None:
        facts.append(f"{result.bpp:.3f} bpp")
    facts.append(f"{format_rate(result.seconds or 0)} s")
    if detailed and result.device is not None:
        facts.append(result.device)
    return "  ".join(facts)


def summary(totals: Totals, operation: Operation, seconds: float, *, unlisted: Counter[str], guessed: bool) -> str:
    """Returns a line about all files of a run.

    Args:
        totals: Totals over their results.
        operation: What was done with them.
        seconds: Duration of the run.
        unlisted: Reasons of skipped files that have a line of their own.
        guessed: Whether estimates are for photographs, and some of the files may be other pictures.
    """
    counts = totals.statuses
    parts = []
    for action, count in totals.planned.items():
        about = ""
        if totals.estimated_bytes and action != "copy":
            about = f", about {sizes(totals.input_bytes, totals.estimated_bytes, operation)}"
            if guessed:
                about += " for photographs; screenshots differ"
        parts.append(f"{plural(count, 'file')} would be {_DONE[action]}{about}")
    if counts["ok"] or (totals.images and not totals.planned) or not totals.files:
        text = f"{plural(counts['ok'], 'file')} {_DONE[operation]}"
        if totals.tars:
            text = f"{plural(totals.images, 'image')} in {plural(totals.tars, 'tar')} {_DONE[operation]}"
        if totals.images:
            speed = (
                f"{format_rate(totals.images / seconds)} images/s, {format_rate(totals.pixels / 1e6 / seconds)} MP/s"
            )
            change = f", {sizes(totals.input_bytes, totals.output_bytes, operation)}" if totals.output_bytes else ""
            text += f"{change}, {seconds:.1f} s, {speed}"
        parts.append(text)
    if counts["copied"]:
        parts.append(f"{counts['copied']} copied")
    reasons = totals.reasons - unlisted
    if reasons:
        listed = ", ".join(why if len(reasons) == 1 else f"{count} {why}" for why, count in reasons.items())
        parts.append(f"{reasons.total()} skipped ({listed})")
    if counts["error"]:
        parts.append(f"{counts['error']} failed")
    return "; ".join(parts)


def skipped(names: Iterable[str], sought: Sought) -> str:
    """Returns a line that counts files by the endings of their names.

    Args:
        names: Paths or URLs of files that are not inputs, at least one.
        sought: Kind of files that are inputs.
    """
    counts = Counter(PurePath(plain_url(name)).suffix.lower() or "without an ending" for name in names)
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    parts = [f"{count} {ending}" for ending, count in ordered[:_LISTED_ENDINGS]]
    rest = sum(count for _, count in ordered[_LISTED_ENDINGS:])
    if rest:
        parts.append(f"{rest} others")
    one, several = _SOUGHT[sought]
    total = counts.total()
    kind = f"file that is not {one}" if total == 1 else f"files that are not {several}"
    return f"skipped {total} {kind}: {', '.join(parts)}"


def described(sought: Sought) -> str:
    """Returns a kind of files with its article."""
    return _SOUGHT[sought][0]


def sizes(before: int, after: int, operation: Operation) -> str:
    """Returns sizes in bytes before and after, and how they compare if the work is to make files smaller."""
    text = f"{format_bytes(before)} -> {format_bytes(after)}"
    return f"{text} ({_comparison(before, after)})" if operation == "compress" and before else text


def _comparison(before: int, after: int) -> str:
    if after <= before:
        return percent(after, before)
    if after < _MANIFOLD * before:
        return f"{percent(after - before, before)} larger"
    return f"{after / before:.1f} times the size"


def _expectation(result: Result) -> str:
    text = "" if result.width is None else f", {result.width}x{result.height}"
    if result.input_bytes is not None:
        text += f", {format_bytes(result.input_bytes)}"
    return text if result.estimated_bytes is None else f"{text} -> about {format_bytes(result.estimated_bytes)}"
