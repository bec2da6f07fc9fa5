"""Measurements and their JSON file: one schema for every codec.

::

    {"schema": 2,
     "codecs": [{"codec": "cnc", "settings": "...", "fingerprint": "0123abcd",
                 "environment": {"python": ..., "system": ..., "cpu": ..., "threads": ..., "packages": {...}},
                 "columns": ["image", "quality", "width", "height", "file_bytes", "bpp", "encode_seconds",
                             "decode_seconds", "psnr", "ssimulacra2"],
                 "rows": [
    ["kodak/kodim01.png", 50, 768, 512, 42000, 0.854492, 0.0051, 0.0032, 30.1234, 61.234],
    ...]}]}

``fingerprint`` is that of the weights; other codecs, and files of earlier versions, do not have it. The last columns
are scores by the names of their metrics (`cnncompress.evaluation.metrics`), those that were measured. Rows are sorted
by image and quality, one per line. Each codec carries the environment that it was measured in, so files can be merged:
codecs measured once are set beside new ones.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cnncompress.errors import PlanError, ResultsError
from cnncompress.evaluation.environment import Environment
from cnncompress.evaluation.metrics import METRICS, Metric
from cnncompress.files.kinds import reason
from cnncompress.files.outputs import write_output
from cnncompress.named_errors import naming

SCHEMA = 2


@dataclass(frozen=True)
class Measurement:
    """One image through one codec at one quality.

    Attributes:
        image: Folder and file name of the image, e.g. ``kodak/kodim01.png``.
        quality: The codec's own quality; higher is better for every codec.
        width: In pixels.
        height: In pixels.
        file_bytes: Size of the whole encoded file.
        bpp: Rate in bits per pixel, from `file_bytes`.
        encode_seconds: Pixels in memory to bytes in memory.
        decode_seconds: Bytes in memory to pixels in memory.
        scores: By the name of the metric, as `Scorer` gives them; None where the score is infinite (PSNR of identical
            images) or the image is too small for the metric.
    """

    image: str
    quality: float
    width: int
    height: int
    file_bytes: int
    bpp: float
    encode_seconds: float
    decode_seconds: float
    scores: Mapping[str, float | None]


COLUMNS = ("image", "quality", "width", "height", "file_bytes", "bpp", "encode_seconds", "decode_seconds")
"""Those that every file has, in front of the scores."""

_INTEGERS = frozenset({"width", "height", "file_bytes"})


@dataclass(frozen=True)
class CodecResults:
    """Everything measured with one codec.

    Attributes:
        codec: Its name.
        settings: One line on how it was driven.
        environment: Where it was measured.
        rows: Sorted by image and quality, with scores by the same metrics.
        fingerprint: First 8 hexadecimal digits of the SHA-256 of its weights; None for a codec without weights, and
            where a file does not say.
    """

    codec: str
    settings: str
    environment: Environment
    rows: tuple[Measurement, ...]
    fingerprint: str | None = None

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images, sorted."""
        return tuple(sorted({row.image for row in self.rows}))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Metrics that the rows have scores of, in the order of the tables."""
        return tuple(metric for metric in METRICS if metric.name in self.rows[0].scores)


@dataclass(frozen=True)
class Results:
    """Measurements of one or more codecs on the same images."""

    codecs: tuple[CodecResults, ...]

    def codec(self, name: str) -> CodecResults:
        """Returns the codec with a name.

        Raises:
            PlanError: It was not measured.
        """
        for codec in self.codecs:
            if codec.codec == name:
                return codec
        raise PlanError(f"no codec {name!r} in the results; they have {', '.join(one.codec for one in self.codecs)}")

    def without(self, names: Collection[str]) -> Results:
        """Returns the results without the codecs of some names."""
        return Results(tuple(codec for codec in self.codecs if codec.codec not in names))


def merge(parts: Sequence[Results]) -> Results:
    """Sets the codecs of several results side by side, in the order given.

    Raises:
        ResultsError: A codec is there twice, or two codecs were measured on different images.
    """
    codecs = tuple(codec for part in parts for codec in part.codecs)
    for position, codec in enumerate(codecs):
        if any(codec.codec == other.codec for other in codecs[:position]):
            raise ResultsError(f"the codec {codec.codec!r} is in more than one of the results")
        if codec.images != codecs[0].images:
            raise ResultsError(
                f"{codecs[0].codec!r} and {codec.codec!r} were measured on different images "
                f"({len(codecs[0].images)} and {len(codec.images)}), so they cannot be compared"
            )
    return Results(codecs)


def require_images(results: Results, images: Sequence[str]) -> None:
    """Checks that every codec was measured on exactly these images.

    Args:
        results: Measured earlier.
        images: Names, see `image_name`.

    Raises:
        ResultsError: A codec was measured on others.
    """
    for codec in results.codecs:
        if codec.images != tuple(sorted(images)):
            raise ResultsError(
                f"the results of {codec.codec!r} are of other images "
                f"({len(codec.images)}, the first is {codec.images[0]}) than those asked for ({len(images)})"
            )


def write_results(results: Results, path: Path, *, force: bool = True) -> None:
    """Writes results as JSON, completely or not at all.

    Args:
        results: The results.
        path: Where to write.
        force: Whether an existing file may be replaced.

    Raises:
        OutputError: The file cannot be written, or exists and ``force`` is not set.
    """
    text = _to_json(results)
    with naming(path):
        write_output(str(path), text.encode(), force=force)


def read_results(path: Path) -> Results:
    """Reads results written by `write_results`.

    Raises:
        ResultsError: The file is missing, is not such a file or has another schema.
    """
    document = read_json(path)
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ResultsError(f"{path}: not a file of results with schema {SCHEMA}")
    try:
        return Results(tuple(_codec_from_json(entry) for entry in document["codecs"]))
    except KeyError as error:
        raise ResultsError(f"{path}: damaged results: {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise ResultsError(f"{path}: damaged results: {error}") from error


def read_json(path: Path) -> Any:
    """Reads and parses a JSON file.

    Raises:
        ResultsError: The file cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{path}: {reason(error)}") from error
    except json.JSONDecodeError as error:
        raise ResultsError(f"{path}: not JSON (line {error.lineno}, column {error.colno})") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise ResultsError(f"{path}: not JSON") from error


def _to_json(results: Results) -> str:
    """Returns JSON with one row a line, so that files stay small and differences readable."""
    entries = []
    for codec in results.codecs:
        environment = asdict(codec.environment) | {"packages": dict(codec.environment.packages)}
        scores = [metric.name for metric in codec.metrics]
        head = {
            "codec": codec.codec,
            "settings": codec.settings,
            **({} if codec.fingerprint is None else {"fingerprint": codec.fingerprint}),
            "environment": environment,
            "columns": [*COLUMNS, *scores],
        }
        rows = [
            [getattr(row, column) for column in COLUMNS] + [row.scores[name] for name in scores]
            for row in sorted(codec.rows, key=lambda row: (row.image, row.quality))
        ]
        # NaN and infinity are not JSON; a measurement must never carry one.
        lines = ",\n".join(json.dumps(row, allow_nan=False) for row in rows)
        entries.append(f'{json.dumps(head)[:-1]}, "rows": [\n{lines}\n]}}')
    return f'{{"schema": {SCHEMA}, "codecs": [\n' + ",\n".join(entries) + "\n]}\n"


def _codec_from_json(entry: dict[str, Any]) -> CodecResults:
    columns, names = tuple(entry["columns"][: len(COLUMNS)]), tuple(entry["columns"][len(COLUMNS) :])
    if columns != COLUMNS:
        raise ValueError(f"columns are {list(columns)}, expected {list(COLUMNS)} and scores")
    if names != tuple(metric.name for metric in METRICS if metric.name in names):
        raise ValueError(
            f"the metrics are {list(names)}, expected {[metric.name for metric in METRICS]} or some of them"
        )
    environment = entry["environment"]
    rows = tuple(_row_from_json(row, names) for row in entry["rows"])
    if not rows:
        raise ValueError(f"the codec {entry['codec']!r} has no rows")
    if len({(row.image, row.quality) for row in rows}) != len(rows):
        raise ValueError(f"the codec {entry['codec']!r} has a row twice")
    return CodecResults(
        codec=_text(entry["codec"]),
        settings=_text(entry["settings"]),
        environment=Environment(
            python=_text(environment["python"]),
            system=_text(environment["system"]),
            cpu=_text(environment["cpu"]),
            threads=int(environment["threads"]),
            packages=tuple(sorted((_text(name), _text(version)) for name, version in environment["packages"].items())),
        ),
        rows=tuple(sorted(rows, key=lambda row: (row.image, row.quality))),
        fingerprint=_text(entry["fingerprint"]) if "fingerprint" in entry else None,
    )


def _row_from_json(row: list[Any], names: tuple[str, ...]) -> Measurement:
    if len(row) != len(COLUMNS) + len(names):
        raise ValueError(f"a row has {len(row)} values for {len(COLUMNS) + len(names)} columns")
    values: list[Any] = row[: len(COLUMNS)]
    scores = dict(zip(names, row[len(COLUMNS) :], strict=True))
    for column, value in zip(COLUMNS, values, strict=True):
        expected = str if column == "image" else int if column in _INTEGERS else (int, float)
        if not isinstance(value, expected) or isinstance(value, bool):
            raise ValueError(f"{column} is {value!r}")
    for name, score in scores.items():
        if score is not None and (not isinstance(score, (int, float)) or isinstance(score, bool)):
            raise ValueError(f"{name} is {score!r}")
    return Measurement(*[*values, scores])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {value!r}")
    return value
