"""Training images: decoded once into memory, cropped at random."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as transforms_functional

from cnncompress.errors import UnreadableImage
from cnncompress.training.config import Augmentation

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".ppm", ".bmp", ".tif", ".tiff")
MIN_SIDE = 64


def _decode(name: str, data: bytes) -> Tensor:
    try:
        with Image.open(io.BytesIO(data)) as image:
            rgb = image.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableImage(f"{name}: {error}") from error
    pixels: Tensor = transforms_functional.pil_to_tensor(rgb)
    return pixels


def _members(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() == ".tar":
                yield from _members(path)
            elif path.suffix.lower() in IMAGE_SUFFIXES:
                yield path.relative_to(source).as_posix(), path.read_bytes()
    elif source.suffix.lower() == ".tar":
        with tarfile.open(source) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isfile() else None
                if file is not None and Path(member.name).suffix.lower() in IMAGE_SUFFIXES:
                    yield member.name, file.read()
    else:
        yield source.name, source.read_bytes()


def load_images(sources: Sequence[Path]) -> dict[str, Tensor]:
    """Decodes all images of files, folders and tar archives.

    Args:
        sources: Image files, tars of images, or folders that are searched for both, recursively.

    Returns:
        uint8 ``[3, H, W]`` by path within its folder or tar, sorted; images with a side below 64 pixels are left out.

    Raises:
        UnreadableImage: A source does not exist, an image cannot be decoded, or there is none.
    """
    for source in sources:
        if not source.exists():
            raise UnreadableImage(f"{source}: no such file or folder")
    with ThreadPoolExecutor() as pool:
        pairs = [(name, data) for source in sources for name, data in _members(source)]
        decoded = pool.map(_decode, (name for name, _ in pairs), (data for _, data in pairs))
        images = {
            name: image for (name, _), image in zip(pairs, decoded, strict=True) if min(image.shape[1:]) >= MIN_SIDE
        }
    if not images:
        raise UnreadableImage("no images of at least 64x64 pixels among the sources")
    return dict(sorted(images.items()))


def split_held_out(images: dict[str, Tensor], count: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Takes images out for validation, evenly over the sorted names.

    Args:
        images: All images by name.
        count: How many to hold out; fewer, where that would be more than a tenth.

    Returns:
        Training images and held-out images.
    """
    count = min(count, len(images) // 10)
    names = sorted(images)
    held_out = {names[(2 * i + 1) * len(names) // (2 * count)] for i in range(count)}
    return (
        {name: image for name, image in images.items() if name not in held_out},
        {name: image for name, image in images.items() if name in held_out},
    )


class RandomCrops(IterableDataset[Tensor]):
    """An endless stream of augmented crops, larger images proportionally more often."""

    def __init__(self, images: Sequence[Tensor], crop: int, augmentation: Augmentation, seed: int) -> None:
        """Prepares the stream.

        Args:
            images: uint8 ``[3, H, W]`` each; smaller ones than the crop are padded by their edge.
            crop: Side of the crops in pixels.
            augmentation: Random changes.
            seed: Seed of the choice of images; the changes use torch's global generator.
        """
        self.images = images
        self.crop = crop
        self.augmentation = augmentation
        self.seed = seed
        strength = augmentation.colour_jitter
        self.finish = v2.Compose(
            [
                v2.RandomHorizontalFlip(),
                v2.RandomVerticalFlip(),
                v2.RandomApply(
                    [v2.ColorJitter(brightness=strength, contrast=strength, saturation=strength)],
                    p=augmentation.colour_jitter_probability,
                ),
            ]
        )

    def __iter__(self) -> Iterator[Tensor]:
        worker = torch.utils.data.get_worker_info()
        generator = torch.Generator().manual_seed(self.seed + (worker.id if worker else 0))
        weights = torch.tensor([float(image.shape[1] * image.shape[2]) for image in self.images])
        while True:
            for index in torch.multinomial(weights, 256, replacement=True, generator=generator).tolist():
                yield self._crop(self.images[index], generator)

    def _crop(self, image: Tensor, generator: torch.Generator) -> Tensor:
        largest = min(self.augmentation.max_downscale, min(image.shape[1:]) / self.crop)
        # Half of the crops stay at the original scale, whose statistics the codec will meet most.
        scale = 1.0
        if largest > 1.0 and torch.rand((), generator=generator) < 0.5:
            scale += (largest - 1.0) * float(torch.rand((), generator=generator))
        side = round(self.crop * scale)
        crop: Tensor = v2.RandomCrop(side, pad_if_needed=True, padding_mode="edge")(image)
        if side != self.crop:
            crop = transforms_functional.resize(crop, [self.crop, self.crop], antialias=True)
        result: Tensor = self.finish(crop)
        return result.contiguous()
