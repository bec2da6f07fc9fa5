"""Training images: folders and tars in, tensors out."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tar_files import tar_of

from cnncompress.errors import UnreadableImage
from cnncompress.images.limits import Limits
from cnncompress.images.settings import ImageSettings
from cnncompress.training import data
from cnncompress.training.data import load_images, split_held_out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, coffee: NDArray[np.uint8]) -> Path:
    """Images of several kinds in folders and in a tar, among other files."""
    root = tmp_path_factory.mktemp("images")
    image = Image.fromarray(coffee[:80, :100])
    (root / "deep").mkdir()
    image.save(root / "b.png")
    image.convert("L").save(root / "deep" / "a.JPG", "JPEG")
    image.convert("RGBA").save(root / "deep" / "c.webp", lossless=True)
    Image.fromarray(coffee[:63, :100]).save(root / "small.png")
    (root / "notes.txt").write_text("no image")
    members = {"t/d.png": (root / "b.png").read_bytes(), "t/notes.txt": b"no image"}
    (root / "deep" / "more.tar").write_bytes(tar_of(members, "folder.png"))  # a folder named like an image
    return root


def test_folders_tars_and_files(folder: Path, coffee: NDArray[np.uint8]) -> None:
    archive = folder / "deep" / "more.tar"
    images = load_images([folder])
    assert list(images) == ["b.png", "deep/a.JPG", "deep/c.webp", "t/d.png"]
    for image in images.values():
        assert image.dtype == torch.uint8 and image.shape == (3, 80, 100)
    expected = torch.tensor(coffee[:80, :100]).permute(2, 0, 1)
    for name in ("b.png", "deep/c.webp", "t/d.png"):
        assert torch.equal(images[name], expected)
    assert list(load_images([archive])) == ["t/d.png"]
    assert list(load_images([folder / "b.png", archive])) == ["b.png", "t/d.png"]


def test_images_are_read_as_the_codec_reads_them(tmp_path: Path) -> None:
    """They were once opened by Pillow as it likes: white for 16 bits, and colours that nobody sees."""
    deep = np.full((80, 80), 40_000, np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    hidden = Image.new("RGBA", (80, 80), (255, 0, 0, 0))
    hidden.save(tmp_path / "hidden.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (100, 80)).save(tmp_path / "turned.jpg", exif=turned)
    images = load_images([tmp_path])
    assert images["deep.png"].unique().tolist() == [156]
    assert images["hidden.png"].unique().tolist() == [255]
    assert images["turned.jpg"].shape == (3, 100, 80)


def test_other_formats_of_pillow_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\nshowpage\n")
    with pytest.raises(UnreadableImage, match=r"page\.png: "):
        load_images([tmp_path])


def test_images_of_the_same_name_are_all_there(tmp_path: Path, coffee: NDArray[np.uint8]) -> None:
    for index, place in enumerate("abc"):
        (tmp_path / place).mkdir()
        Image.fromarray(coffee[: 64 + index, :64]).save(tmp_path / place / "photo.png")
    images = load_images([tmp_path / place for place in "abc"])
    assert {name: image.shape[1] for name, image in images.items()} == {
        "photo.png": 64,
        "photo.png (2)": 65,
        "photo.png (3)": 66,
    }


def test_sources_that_give_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="missing: no such file"):
        load_images([folder, tmp_path / "missing"])
    with pytest.raises(UnreadableImage, match="no images of at least 64x64"):
        load_images([folder / "small.png"])
    with pytest.raises(UnreadableImage, match="no images of at least 64x64"):
        load_images([tmp_path])
    with pytest.raises(UnreadableImage, match=r"notes\.txt"):
        load_images([folder / "notes.txt"])
    (tmp_path / "cut.png").write_bytes((folder / "b.png").read_bytes()[:300])
    with pytest.raises(UnreadableImage, match=r"cut\.png"):
        load_images([tmp_path])


def test_what_cannot_be_read_is_left_out(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = (folder / "b.png").read_bytes()
    (tmp_path / "good.png").write_bytes(good)
    (tmp_path / "cut.png").write_bytes(good[:300])
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "no.tar").write_bytes(b"no tar")
    errors: list[UnreadableImage] = []
    assert list(load_images([tmp_path], errors.append)) == ["good.png"]
    assert [str(error).split(":")[0] for error in errors] == [
        "cut.png",
        str(tmp_path / "gone.png"),
        str(tmp_path / "no.tar"),
    ]
    assert all("\n" not in str(error) for error in errors)
    with pytest.raises(UnreadableImage, match="no images"):
        load_images([tmp_path / "cut.png"], errors.append)
    monkeypatch.setattr(data, "_SETTINGS", ImageSettings(limits=Limits(1000)))
    with pytest.raises(UnreadableImage, match=r"good\.png: .* pixels"):
        load_images([tmp_path / "good.png"])


@pytest.mark.parametrize(
    ("total", "wanted", "held"), [(100, 5, 5), (100, 50, 10), (9, 3, 0), (10, 3, 1), (25, 0, 0), (0, 2, 0)]
)
def test_held_out_images_are_spread_over_the_names(total: int, wanted: int, held: int) -> None:
    images = {f"{index:03d}": torch.zeros(1) for index in range(total)}
    train, held_out = split_held_out(images, wanted)
    assert len(held_out) == held and len(train) == total - held
    assert train.keys() | held_out.keys() == images.keys()
    assert split_held_out(dict(reversed(images.items())), wanted)[1].keys() == held_out.keys()
    numbers = sorted(int(name) for name in held_out)
    gaps = {second - first for first, second in itertools.pairwise(numbers)}
    assert all(abs(gap - total / held) < 1 for gap in gaps)
