"""Training crops: cut out of the images, scaled, flipped and tinted at random, the same for the same seed and step."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from training_runs import CPU

from cnncompress.training.config import Augmentation
from cnncompress.training.crops import RandomCrops

PLAIN = Augmentation(max_downscale=1.0, colour_jitter=0.0, colour_jitter_probability=0.0)


def crops(images: list[Tensor], side: int, augmentation: Augmentation, count: int, seed: int = 1) -> Tensor:
    """uint8 crops ``[count, 3, side, side]`` from batches of four."""
    stream = RandomCrops(images, CPU, augmentation, seed)
    batches = [stream.batch(4, side, step) for step in range(-(-count // 4))]
    return (torch.cat(batches)[:count] * 255.0).round().to(torch.uint8)


@pytest.mark.parametrize("size", [(300, 200), (128, 128), (64, 300), (65, 70)])
def test_batches_have_their_shape_whatever_the_images(size: tuple[int, int]) -> None:
    image = torch.randint(0, 256, (3, *size), dtype=torch.uint8)
    strong = Augmentation(max_downscale=3.0, colour_jitter=0.5, colour_jitter_probability=1.0, transpose=True)
    for augmentation in (PLAIN, Augmentation(), strong):
        stream = RandomCrops([image], CPU, augmentation, seed=1)
        for count in (1, 2, 5):
            batch = stream.batch(count, 128, step=count)
            assert batch.shape == (count, 3, 128, 128) and batch.dtype == torch.float32
            assert batch.is_contiguous(memory_format=torch.channels_last)
            assert batch.min() >= 0.0 and batch.max() <= 1.0
            torch.testing.assert_close(batch * 255.0, (batch * 255.0).round(), rtol=0, atol=1e-4)


def orientations(augmentation: Augmentation) -> set[tuple[int, int]]:
    """Crops of an image that numbers its pixels: steps to the right and downward."""
    values = torch.arange(100 * 120).view(1, 100, 120)
    image = torch.cat([values // 256, values % 256, torch.zeros_like(values)]).to(torch.uint8)
    found = set()
    for crop in crops([image], 64, augmentation, 100):
        places = crop[0].int() * 256 + crop[1]
        assert len(places.unique()) == 64 * 64
        found.add((int(places[0, 1] - places[0, 0]), int(places[1, 0] - places[0, 0])))
    return found


def test_plain_crops_are_cut_out_of_the_image_and_flipped() -> None:
    flips = {(right, down) for right in (1, -1) for down in (120, -120)}
    assert orientations(PLAIN) == flips
    turned = Augmentation(max_downscale=1.0, colour_jitter=0.0, colour_jitter_probability=0.0, transpose=True)
    assert orientations(turned) == flips | {(down, right) for right, down in flips}


def test_seed_step_and_area() -> None:
    large = torch.full((3, 300, 300), 1, dtype=torch.uint8)
    small = torch.full((3, 100, 100), 2, dtype=torch.uint8)
    chosen = crops([large, small], 64, PLAIN, 200)[:, 0, 0, 0].tolist()
    assert 0.8 < chosen.count(1) / 200 < 0.98
    assert chosen == crops([large, small], 64, PLAIN, 200)[:, 0, 0, 0].tolist()
    assert chosen != crops([large, small], 64, PLAIN, 200, seed=2)[:, 0, 0, 0].tolist()
    image = torch.randint(0, 256, (3, 300, 300), dtype=torch.uint8)
    one, other = (RandomCrops([image], CPU, Augmentation(), 7) for _ in range(2))
    one.batch(4, 64, step=0)
    assert torch.equal(one.batch(4, 64, step=1), other.batch(4, 64, step=1)), "whatever came before"
    assert not torch.equal(one.batch(4, 64, step=1), one.batch(4, 64, step=2))


def test_half_of_the_crops_are_scaled_down() -> None:
    """Stripes of one pixel turn grey."""
    stripes = (255 * (torch.arange(256) % 2)).to(torch.uint8).expand(3, 256, 256)
    scaled = crops([stripes], 64, Augmentation(2.0, 0.0, 0.0), 200)
    grey = sum(bool(((crop > 20) & (crop < 235)).any()) for crop in scaled)
    assert 80 <= grey <= 100, "the others, and a few with a factor close to one"


def test_small_images_are_not_padded_to_be_scaled_down() -> None:
    """The padding of the small image would be the white of its right edge."""
    small = torch.zeros(3, 64, 64, dtype=torch.uint8)
    small[:, :, -1] = 255
    large = torch.zeros(3, 256, 256, dtype=torch.uint8)
    found = crops([small] * 40 + [large], 64, Augmentation(2.0, 0.0, 0.0), 200)
    assert (found == 255).any()
    assert (found == 255).float().mean((1, 2, 3)).max() <= 1 / 64 + 1e-6


def test_colours_of_some_crops_move() -> None:
    flat = torch.full((3, 64, 64), 100, dtype=torch.uint8)
    moved = (crops([flat], 64, Augmentation(1.0, 0.3, 0.5), 200) != 100).flatten(1).any(1)
    assert 70 <= int(moved.sum()) <= 120
    assert not (crops([flat], 64, Augmentation(1.0, 0.3, 0.0), 40) != 100).any()


def test_jitter_is_the_usual_chain() -> None:
    """Saturation, then contrast, then brightness, as they are defined one by one."""
    stream = RandomCrops([torch.zeros(3, 64, 64, dtype=torch.uint8)], CPU, PLAIN, 1)
    pixels = 255.0 * torch.rand(2, 3, 5, 4)
    factors = torch.tensor([[1.1, 0.8], [0.7, 1.2], [1.3, 0.9]])
    brightness, contrast, saturation = (row.view(2, 1, 1, 1) for row in factors)

    def grey(x: Tensor) -> Tensor:
        return (x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True)

    x = torch.lerp(grey(pixels), pixels, saturation)
    x = torch.lerp(grey(x).mean((2, 3), keepdim=True), x, contrast) * brightness
    torch.testing.assert_close(stream._jitter(pixels, *factors), x)
    same = torch.ones(2)
    torch.testing.assert_close(stream._jitter(pixels, same, same, same), pixels)
