"""Names of outputs, and their places."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from cnncompress.batch.inputs import Found
from cnncompress.batch.outputs import Places, compressed_name, decompressed_name
from cnncompress.batch.request import Outputs
from cnncompress.errors import PlanError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photo.jpg", "photo.cnc"),
        ("photo.JPEG", "photo.cnc"),
        ("a.b.tif", "a.b.cnc"),
        ("holiday.2024", "holiday.2024.cnc"),
        ("photo", "photo.cnc"),
        (".png", ".png.cnc"),
        ("Zoë 写真.png", "Zoë 写真.cnc"),
    ],
)
def test_the_ending_of_an_image_is_replaced(name: str, expected: str) -> None:
    assert compressed_name(name, append_suffix=False) == expected
    assert compressed_name(name, append_suffix=True) == name + ".cnc"


@pytest.mark.parametrize(
    ("name", "ending", "expected"),
    [
        ("photo.cnc", "png", "photo.png"),
        ("photo.CNC", "webp", "photo.webp"),
        ("photo.png.cnc", "png", "photo.png"),
        ("photo.jpg.cnc", "png", "photo.jpg.png"),
        ("photo.JPG.cnc", "jpg", "photo.JPG"),
        ("upload", "png", "upload.png"),
        ("no cnc.png", "png", "no cnc.png.png"),
    ],
)
def test_the_ending_of_a_cnc_file_is_replaced(name: str, ending: str, expected: str) -> None:
    assert decompressed_name(name, ending) == expected


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in" / "sub").mkdir(parents=True)
    found = Found("in/sub/a.png", PurePath("sub/a.png"))
    out = Path("out")
    assert Places(Outputs()).of(found, "a.cnc") == "in/sub/a.cnc"
    assert Places(Outputs(folder=out)).of(found, "a.cnc") == "out/sub/a.cnc"
    assert Places(Outputs(folder=out, flat=True)).of(found, "a.cnc") == "out/a.cnc"
    assert Places(Outputs(folder=out, root=Path())).of(found, "a.cnc") == "out/in/sub/a.cnc"
    assert Places(Outputs(folder=out, root=tmp_path / "in")).of(found, "a.cnc") == "out/sub/a.cnc"
    with pytest.raises(PlanError, match=r"in/sub/a\.png is not below elsewhere, the folder of --root"):
        Places(Outputs(folder=out, root=Path("elsewhere"))).of(found, "a.cnc")
