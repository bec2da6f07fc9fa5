from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from cnncompress.errors import OutputError
from cnncompress.evaluation.curves import Curve
from cnncompress.evaluation.metrics import CVVDP, PSNR, SSIMULACRA2
from cnncompress.evaluation.plot import plot_curves

CNC = Curve("cnc", PSNR, (0.1, 0.5, 1.5), (28.0, 33.0, 38.0))
VTM = Curve("vtm", PSNR, (0.1, 0.5, 3.0), (29.0, 34.0, 42.0), published=True)


def test_svg_names_the_curves_and_axes(tmp_path: Path) -> None:
    plot_curves([CNC, VTM], tmp_path / "rd.svg", title="Kodak")
    text = (tmp_path / "rd.svg").read_text()
    for expected in ("<svg", ">cnc<", ">vtm (published)<", "bits per pixel", "PSNR", ">Kodak<"):
        assert expected in text


def test_the_same_curves_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        plot_curves([CNC, VTM], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_png_is_a_picture(tmp_path: Path) -> None:
    plot_curves([CNC], tmp_path / "rd.png")
    with Image.open(tmp_path / "rd.png") as image:
        assert image.format == "PNG"


def test_the_axis_names_the_metric_and_empty_curves_are_left_out(tmp_path: Path) -> None:
    for metric, label in ((PSNR, ">PSNR, dB<"), (SSIMULACRA2, ">SSIMULACRA2<"), (CVVDP, ">ColorVideoVDP, JOD<")):
        measured = Curve("cnc", metric, (0.1, 0.5), (1.0, 2.0))
        plot_curves([Curve("jpeg", metric, (), ()), measured], tmp_path / "rd.svg")
        text = (tmp_path / "rd.svg").read_text()
        assert label in text
        assert ">jpeg<" not in text


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.svg or \.png"):
        plot_curves([CNC], tmp_path / "rd.txt")
    with pytest.raises(OutputError, match="no curve has points"):
        plot_curves([Curve("jpeg", PSNR, (), ())], tmp_path / "rd.svg")
    with pytest.raises(OutputError, match=r"rd\.svg: no such file"):
        plot_curves([CNC], tmp_path / "missing" / "rd.svg")
