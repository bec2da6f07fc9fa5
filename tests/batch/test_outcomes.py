"""Results and their sums, for people and as JSON."""

from __future__ import annotations

import json

import pytest

from cnncompress.batch.outcomes import MemberFailure, Result, TarReport, Totals, failure
from cnncompress.errors import Corrupt, UnreadableImage

OK = Result("ok", "a.png", "a.cnc", 1000, 50, 40, 20, "RGB", "learned", 60.0, 0.5, "base", "cpu", 0.25, warnings=("w",))
FAILED = failure("b.png", UnreadableImage("no such file"), output="b.cnc")


def test_json_of_a_file_has_what_applies() -> None:
    assert json.loads(json.dumps(OK.to_json())) == {
        "schema": 1,
        "type": "file",
        "status": "ok",
        "input": "a.png",
        "output": "a.cnc",
        "input_bytes": 1000,
        "output_bytes": 50,
        "width": 40,
        "height": 20,
        "mode": "RGB",
        "coding": "learned",
        "quality": 60.0,
        "bpp": 0.5,
        "model": "base",
        "device": "cpu",
        "seconds": 0.25,
        "warnings": ["w"],
    }
    assert FAILED.to_json() == {
        "schema": 1,
        "type": "file",
        "status": "error",
        "input": "b.png",
        "output": "b.cnc",
        "error": "no such file",
        "exit_code": 3,
        "warnings": [],
    }


def test_json_of_any_name_is_ascii() -> None:
    name = "Zoë\n\udcff"
    text = json.dumps(Result("skipped", name, reason="output exists").to_json())
    assert text.isascii() and "\n" not in text and json.loads(text)["input"] == name


@pytest.mark.parametrize(
    ("results", "exit_code"),
    [
        ([], 0),
        ([OK], 0),
        ([OK, Result("skipped", "x", reason="output exists")], 0),
        ([FAILED], 3),
        ([failure("x", Corrupt("bad"))], 4),
        ([OK, FAILED], 1),
        ([FAILED, failure("x", Corrupt("bad"))], 1),
    ],
)
def test_exit_codes(results: list[Result], exit_code: int) -> None:
    totals = Totals()
    for result in results:
        totals.add(result)
    assert (totals.files, totals.exit_code) == (len(results), exit_code)


def test_sums() -> None:
    totals = Totals()
    for result in (OK, OK, FAILED, Result("skipped", "x", reason="r"), Result("copied", "y", "z", 5, 5)):
        totals.add(result)
    assert totals.to_json(1.23456, 130) == {
        "schema": 1,
        "type": "summary",
        "files": 5,
        "ok": 2,
        "copied": 1,
        "skipped": 1,
        "planned": 0,
        "errors": 1,
        "images": 2,
        "input_bytes": 2000,
        "output_bytes": 100,
        "estimated_bytes": 0,
        "megapixels": 0.002,
        "seconds": 1.235,
        "exit_code": 130,
    }
    assert totals.reasons == {"r": 1}


def test_images_of_tars_count_also_where_some_failed() -> None:
    totals = Totals()
    report = TarReport(3, 6, 3000, (MemberFailure("a.png", "bad", 3),))
    totals.add(Result("error", "x.tar", "y.tar", 900, 90, error="1 of 4 images failed", exit_code=1, tar=report))
    totals.add(Result("ok", "z.tar", "z.tar", 100, 10, tar=TarReport(1, 0, 500)))
    assert (totals.tars, totals.images, totals.pixels, totals.output_bytes) == (2, 4, 3500, 100)
    assert (totals.statuses["error"], totals.exit_code) == (1, 1)
