"""Lines about results: one for each file, and one for all of them."""

from __future__ import annotations

from cnncompress.batch.jobs import Action
from cnncompress.batch.outcomes import Result, Totals
from cnncompress.batch.request import Operation
from cnncompress.units import format_bytes, format_rate, percent, plural

_DONE: dict[Action, str] = {
    "compress": "compressed",
    "decompress": "decompressed",
    "test": "tested",
    "copy": "copied",
}


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


def summary(totals: Totals, operation: Operation, seconds: float, others: int, *, guessed: bool) -> str:
    """Returns a line about all files of a run.

    Args:
        totals: Totals over their results.
        operation: What was done with them.
        seconds: Duration of the run.
        others: Number of files in folders that are no inputs.
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
    if counts["skipped"]:
        reasons = ", ".join(
            why if len(totals.reasons) == 1 else f"{count} {why}" for why, count in totals.reasons.items()
        )
        parts.append(f"{counts['skipped']} skipped ({reasons})")
    if counts["error"]:
        parts.append(f"{counts['error']} failed")
    if others:
        parts.append(f"{plural(others, 'other file')} left alone")
    return "; ".join(parts)


def sizes(before: int, after: int, operation: Operation) -> str:
    """Returns sizes in bytes before and after; a percentage only where the work is to make files smaller."""
    text = f"{format_bytes(before)} -> {format_bytes(after)}"
    return f"{text} ({percent(after, before)})" if operation == "compress" else text


def _expectation(result: Result) -> str:
    text = "" if result.width is None else f", {result.width}x{result.height}"
    if result.input_bytes is not None:
        text += f", {format_bytes(result.input_bytes)}"
    return text if result.estimated_bytes is None else f"{text} -> about {format_bytes(result.estimated_bytes)}"
