from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from cnncompress.evaluation.metrics import MS_SSIM, PSNR, Scorer
from cnncompress.evaluation.peers import MeasurementError, PillowCodec, find_codec
from cnncompress.evaluation.rd import measure, measure_codec
from cnncompress.evaluation.results import CodecResults

SCORER = Scorer([PSNR, MS_SSIM])


class _Shrinking:
    """A codec that loses a row."""

    name = "shrinking"
    settings = ""
    fingerprint = None
    qualities = (1.0,)

    def load(self) -> None:
        pass

    def encode(self, image: Image.Image, quality: float) -> bytes:
        return b"1"

    def decode(self, data: bytes) -> Image.Image:
        return Image.new("RGB", (180, 179))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("photographs")
    Image.fromarray(data.coffee()[100:280, 150:330]).save(folder / "coffee.png")
    Image.fromarray(data.chelsea()[100:164, 100:196]).save(folder / "chelsea.png")
    return (folder / "coffee.png", folder / "chelsea.png")


@pytest.fixture(scope="module")
def measured(images: tuple[Path, ...]) -> CodecResults:
    return measure_codec(find_codec("jpeg"), images, SCORER)


def test_every_image_is_measured_at_every_quality_in_order(measured: CodecResults, images: tuple[Path, ...]) -> None:
    folder = images[0].parent.name
    assert measured.images == (f"{folder}/chelsea.png", f"{folder}/coffee.png")
    expected = [(image, quality) for image in measured.images for quality in find_codec("jpeg").qualities]
    assert [(row.image, row.quality) for row in measured.rows] == expected


def test_a_row_holds_what_the_file_weighs(measured: CodecResults, images: tuple[Path, ...]) -> None:
    codec = find_codec("jpeg")
    row = next(row for row in measured.rows if row.image.endswith("coffee.png") and row.quality == 50)
    with Image.open(images[0]) as image:
        assert row.file_bytes == len(codec.encode(image, 50))
    assert (row.width, row.height) == (180, 180)
    assert row.bpp == pytest.approx(8 * row.file_bytes / 180**2, abs=1e-6)
    psnr, similarity = row.scores["psnr"], row.scores["ms-ssim"]
    assert psnr is not None and 25 < psnr < 45
    assert similarity is not None and 0.9 < similarity < 1.0
    assert row.encode_seconds > 0 and row.decode_seconds > 0


def test_small_images_have_no_ms_ssim(measured: CodecResults) -> None:
    assert all((row.scores["ms-ssim"] is None) == row.image.endswith("chelsea.png") for row in measured.rows)


def test_only_the_metrics_asked_for_are_measured(images: tuple[Path, ...], measured: CodecResults) -> None:
    without = measure_codec(find_codec("jpeg"), images[:1], Scorer([PSNR]))
    assert without.metrics == (PSNR,)
    of_the_same = [row for row in measured.rows if row.image == without.rows[0].image]
    expected = [(row.bpp, {"psnr": row.scores["psnr"]}) for row in of_the_same]
    assert [(row.bpp, row.scores) for row in without.rows] == expected


def test_progress_is_told_of_every_measurement(images: tuple[Path, ...]) -> None:
    calls: list[str] = []
    codec = find_codec("jpeg")
    assert isinstance(codec, PillowCodec)
    measure_codec(codec, images[1:], Scorer([]), calls.append)
    assert len(calls) == len(codec.qualities) and len(set(calls)) == 1


def test_an_identical_image_has_no_finite_psnr() -> None:
    image = Image.new("RGB", (16, 16), "gray")
    assert measure(find_codec("jpeg"), "flat", image, 95, Scorer([PSNR])).scores == {"psnr": None}


def test_a_decoded_image_of_another_size_is_an_error(images: tuple[Path, ...]) -> None:
    with pytest.raises(MeasurementError, match=r"180x179 .*, which has 180x180") as caught:
        measure_codec(_Shrinking(), images[:1], SCORER)
    assert caught.value.exit_code == 1, "no .cnc file is damaged"
