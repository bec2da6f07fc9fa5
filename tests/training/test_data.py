"""Training images: folders and tars in, crops out."""

from __future__ import annotations

import io
import itertools
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from cnncompress.errors import UnreadableImage
from cnncompress.training.config import Augmentation
from cnncompress.training.data import RandomCrops, load_images, split_held_out

PLAIN = Augmentation(max_downscale=1.0, colour_jitter=0.0, colour_jitter_probability=0.0)


def write_tar(path: Path, members: dict[str, bytes]) -> None:
    """Writes a tar of files, and of a folder that is named like an image."""
    with tarfile.open(path, "w") as tar:
        directory = tarfile.TarInfo("folder.png")
        directory.type = tarfile.DIRTYPE
        tar.addfile(directory)
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


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
    write_tar(root / "deep" / "more.tar", {"t/d.png": (root / "b.png").read_bytes(), "t/notes.txt": b"no image"})
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


def crops(images: list[Tensor], side: int, augmentation: Augmentation, count: int, seed: int = 1) -> list[Tensor]:
    torch.manual_seed(0)
    return list(itertools.islice(RandomCrops(images, side, augmentation, seed), count))


@pytest.mark.parametrize("size", [(300, 200), (128, 128), (64, 300), (65, 70)])
def test_crops_have_their_size_whatever_the_images(size: tuple[int, int]) -> None:
    image = torch.randint(0, 256, (3, *size), dtype=torch.uint8)
    strong = Augmentation(max_downscale=3.0, colour_jitter=0.5, colour_jitter_probability=1.0)
    for augmentation in (PLAIN, Augmentation(), strong):
        for crop in crops([image], 128, augmentation, 8):
            assert crop.dtype == torch.uint8 and crop.shape == (3, 128, 128) and crop.is_contiguous()


def test_plain_crops_are_cut_out_of_the_image() -> None:
    values = torch.arange(100 * 120).view(1, 100, 120)
    image = torch.cat([values // 256, values % 256, torch.zeros_like(values)]).to(torch.uint8)
    for crop in crops([image], 64, PLAIN, 20):
        places = crop[0].int() * 256 + crop[1]
        steps = {int(places[0, 1] - places[0, 0]), int(places[1, 0] - places[0, 0])}
        assert steps in [{1, 120}, {-1, 120}, {1, -120}, {-1, -120}], "a flip at most"
        assert len(places.unique()) == 64 * 64


def test_seed_and_area() -> None:
    large = torch.full((3, 300, 300), 1, dtype=torch.uint8)
    small = torch.full((3, 100, 100), 2, dtype=torch.uint8)
    chosen = [int(crop[0, 0, 0]) for crop in crops([large, small], 64, PLAIN, 200)]
    assert 0.8 < chosen.count(1) / 200 < 0.98
    assert chosen == [int(crop[0, 0, 0]) for crop in crops([large, small], 64, PLAIN, 200)]
    assert chosen != [int(crop[0, 0, 0]) for crop in crops([large, small], 64, PLAIN, 200, seed=2)]


def test_augmentation_changes_scale_and_colour() -> None:
    """Stripes of one pixel get grey where crops are scaled down; flat colours move where they are jittered."""
    stripes = (255 * (torch.arange(256) % 2)).to(torch.uint8).expand(3, 256, 256)
    scaled = crops([stripes], 64, Augmentation(2.0, 0.0, 0.0), 40)
    grey = sum(bool(((crop > 20) & (crop < 235)).any()) for crop in scaled)
    assert 8 <= grey <= 32, "about half of the crops"
    flat = torch.full((3, 64, 64), 100, dtype=torch.uint8)
    jittered = crops([flat], 64, Augmentation(1.0, 0.3, 0.5), 40)
    moved = sum(bool((crop != 100).any()) for crop in jittered)
    assert 8 <= moved <= 35


def test_batches_come_from_a_loader() -> None:
    image = torch.randint(0, 256, (3, 100, 100), dtype=torch.uint8)
    batch = next(iter(DataLoader(RandomCrops([image], 64, Augmentation(), 1), 5)))
    assert batch.shape == (5, 3, 64, 64) and batch.dtype == torch.uint8
