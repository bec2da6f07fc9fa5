from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import AvifImagePlugin

from cnncompress.errors import OutputError, PlanError, ResultsError
from cnncompress.evaluation.environment import Environment, current_environment, limit_threads
from cnncompress.evaluation.metrics import CVVDP, PSNR
from cnncompress.evaluation.results import (
    CodecResults,
    Measurement,
    Results,
    merge,
    read_results,
    require_images,
    write_results,
)

ENVIRONMENT = Environment("3.11.7", "Linux x86_64", "a processor", 1, (("numpy", "2.0"), ("pillow", "13.0")))
SCORES = {"psnr": 30.1234, "ssimulacra2": 61.234}
ROW = Measurement("kodak/kodim01.png", 50, 768, 512, 42000, 0.854492, 0.0051, 0.0032, SCORES)


def _results(name: str = "jpeg", images: tuple[str, ...] = ("a", "b")) -> Results:
    rows = tuple(replace(ROW, image=image, quality=quality) for image in images for quality in (10, 50.5))
    return Results((CodecResults(name, "as one does", ENVIRONMENT, rows),))


def _document(tmp_path: Path) -> tuple[Path, dict]:  # type: ignore[type-arg]
    path = tmp_path / "results.json"
    write_results(_results(), path)
    return path, json.loads(path.read_text())


def test_written_results_read_back_the_same(tmp_path: Path) -> None:
    results = merge([_results("jpeg"), _results("webp")])
    write_results(results, tmp_path / "results.json")
    assert read_results(tmp_path / "results.json") == results
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_missing_values_read_back_as_missing(tmp_path: Path) -> None:
    codec = CodecResults("webp", "", ENVIRONMENT, (replace(ROW, scores={"psnr": None, "ms-ssim": None}),))
    write_results(Results((codec,)), tmp_path / "results.json")
    assert read_results(tmp_path / "results.json").codecs == (codec,)


def test_fingerprints_of_weights_are_kept(tmp_path: Path) -> None:
    (codec,) = _results().codecs
    results = Results((replace(codec, fingerprint="0123abcd"), replace(codec, codec="webp")))
    write_results(results, tmp_path / "results.json")
    assert read_results(tmp_path / "results.json") == results
    path, document = _document(tmp_path)
    assert "fingerprint" not in document["codecs"][0], "as in files of earlier versions"
    document["codecs"][0]["fingerprint"] = 7
    path.write_text(json.dumps(document))
    with pytest.raises(ResultsError, match="expected text"):
        read_results(path)


def test_the_file_does_not_depend_on_the_order_of_measurement(tmp_path: Path) -> None:
    (codec,) = _results().codecs
    write_results(Results((codec,)), tmp_path / "a.json")
    write_results(Results((replace(codec, rows=codec.rows[::-1]),)), tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_schema_of_the_file(tmp_path: Path) -> None:
    _, document = _document(tmp_path)
    assert document["schema"] == 2
    (codec,) = document["codecs"]
    assert list(codec) == ["codec", "settings", "environment", "columns", "rows"]
    assert list(codec["environment"]) == ["python", "system", "cpu", "threads", "packages"]
    assert codec["columns"] == [
        "image",
        "quality",
        "width",
        "height",
        "file_bytes",
        "bpp",
        "encode_seconds",
        "decode_seconds",
        "psnr",
        "ssimulacra2",
    ]
    assert codec["rows"][0] == ["a", 10, 768, 512, 42000, 0.854492, 0.0051, 0.0032, 30.1234, 61.234]


def test_the_metrics_are_those_with_scores_in_the_order_of_the_tables() -> None:
    row = replace(ROW, scores={"cvvdp": 9.5, "psnr": 30.0})
    assert CodecResults("jpeg", "", ENVIRONMENT, (row,)).metrics == (PSNR, CVVDP)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity_are_never_written(tmp_path: Path, value: float) -> None:
    codec = CodecResults("jpeg", "", ENVIRONMENT, (replace(ROW, scores={"psnr": value}),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_results(Results((codec,)), tmp_path / "results.json")
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with pytest.raises(ResultsError, match=r"results\.json: no such file or directory$"):
        read_results(path)
    for data, place in ((b"{", r" \(line 1, column 2\)"), (b"\x89CN\xff\x00", ""), (b"[" * 100_000, "")):
        path.write_bytes(data)
        with pytest.raises(ResultsError, match=rf"results\.json: not JSON{place}$"):
            read_results(path)
    for text in ("[]", '{"schema": 1, "codecs": []}'):
        path.write_text(text)
        with pytest.raises(ResultsError, match=r"results\.json: not a file of results with schema 2$"):
            read_results(path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda codec: codec.pop("settings"), "'settings' is missing"),
        (lambda codec: codec["environment"].pop("cpu"), "'cpu' is missing"),
        (lambda codec: codec["columns"].pop(), "a row has 10 values for 9 columns"),
        (lambda codec: codec["rows"].clear(), "the codec 'jpeg' has no rows"),
        (lambda codec: codec["rows"].append(codec["rows"][0]), "the codec 'jpeg' has a row twice"),
        (lambda codec: codec["rows"][0].pop(), "a row has 9 values for 10 columns"),
        (lambda codec: codec["rows"][0].__setitem__(4, 1.5), "file_bytes is 1.5"),
        (lambda codec: codec["rows"][0].__setitem__(5, None), "bpp is None"),
        (lambda codec: codec["rows"][0].__setitem__(0, 7), "image is 7"),
        (lambda codec: codec["rows"][0].__setitem__(8, "30"), "psnr is '30'"),
        (lambda codec: codec["columns"].__setitem__(8, "looks"), "the metrics are .*"),
        (lambda codec: codec["columns"].__setitem__(8, "ssimulacra2"), "the metrics are .*"),
        (lambda codec: codec["environment"].__setitem__("cpu", 7), "expected text, got 7"),
    ],
)
def test_damaged_results_are_refused(tmp_path: Path, damage, message: str) -> None:  # type: ignore[no-untyped-def]
    path, document = _document(tmp_path)
    damage(document["codecs"][0])
    path.write_text(json.dumps(document))
    with pytest.raises(ResultsError, match=rf"results\.json: damaged results: {message}$"):
        read_results(path)


def test_merging_refuses_what_cannot_be_compared() -> None:
    with pytest.raises(ResultsError, match="more than one"):
        merge([_results("jpeg"), _results("jpeg")])
    with pytest.raises(ResultsError, match="different images"):
        merge([_results("jpeg"), _results("webp", images=("a", "c"))])


def test_earlier_results_must_be_of_the_same_images() -> None:
    require_images(_results(), ["b", "a"])
    with pytest.raises(ResultsError, match="other images"):
        require_images(_results(), ["a"])


def test_codecs_can_be_left_out() -> None:
    both = merge([_results("jpeg"), _results("webp")])
    assert both.without(["jpeg"]) == _results("webp")


def test_a_codec_is_found_by_its_name() -> None:
    assert merge([_results("jpeg"), _results("webp")]).codec("webp").codec == "webp"
    with pytest.raises(PlanError, match="no codec 'avif' in the results; they have jpeg"):
        _results("jpeg").codec("avif")


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"missing.results\.json: no such file or directory$"):
        write_results(_results(), tmp_path / "missing" / "results.json")


def test_the_environment_names_packages_and_processor() -> None:
    environment = current_environment()
    assert {"numpy", "pillow", "torch", "libjpeg-turbo", "ssimulacra2"} <= {name for name, _ in environment.packages}
    assert environment.cpu
    assert environment.threads >= 1


def test_threads_are_limited_and_recorded_where_processes_cannot_be_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and Windows."""
    for name in ("sched_setaffinity", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setattr(AvifImagePlugin, "DEFAULT_MAX_THREADS", 0)
    limit_threads(1)
    assert current_environment().threads == 1
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert AvifImagePlugin._get_default_max_threads() == 1


def test_thread_limits_are_checked() -> None:
    for threads in (0, 100_000):
        with pytest.raises(ValueError, match="expected 1 to"):
            limit_threads(threads)
