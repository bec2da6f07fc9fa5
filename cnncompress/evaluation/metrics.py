"""What a decoded image cost and how close it is: bpp, PSNR, MS-SSIM.

All of them take what a user gets: the bytes of the whole file and 8-bit RGB pixels. PSNR is over the three
channels jointly (one mean squared error per image), as the published Kodak tables have it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

PEAK = 255.0

MS_SSIM_MIN_SIDE = 176
"""The shorter side must hold the 11x11 window at the coarsest of five scales: 11 * 2**4 pixels."""


def bits_per_pixel(file_bytes: int, width: int, height: int) -> float:
    """Rate of a whole file, header and metadata included, in bits per pixel."""
    return 8.0 * file_bytes / (width * height)


def psnr(original: Pixels, decoded: Pixels) -> float:
    """Peak signal-to-noise ratio in dB.

    Args:
        original: uint8 [H, W, 3].
        decoded: uint8 [H, W, 3].

    Returns:
        10 log10(255^2 / MSE); infinity for identical images.

    Raises:
        ValueError: Not two uint8 images of the same shape.
    """
    _check_pair(original, decoded)
    error = original.astype(np.int32) - decoded.astype(np.int32)
    mse = float(np.mean(np.square(error), dtype=np.float64))
    return math.inf if mse == 0.0 else 10.0 * math.log10(PEAK * PEAK / mse)


def ms_ssim(original: Pixels, decoded: Pixels) -> float | None:
    """Multi-scale structural similarity, linear (1 = identical), mean over the RGB channels.

    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment", 2003:
    https://doi.org/10.1109/ACSSC.2003.1292216

    Args:
        original: uint8 [H, W, 3].
        decoded: uint8 [H, W, 3].

    Returns:
        The similarity, or None where the shorter side is below `MS_SSIM_MIN_SIDE`, where it is not defined.

    Raises:
        ValueError: Not two uint8 images of the same shape.
    """
    _check_pair(original, decoded)
    if min(original.shape[:2]) < MS_SSIM_MIN_SIDE:
        return None
    # Imported here because torch takes seconds, and rate and PSNR do not need it.
    import torch
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    def batch(pixels: Pixels) -> torch.Tensor:
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        return torch.from_numpy(planes).to(torch.float32).unsqueeze(0)

    with torch.inference_mode():
        similarity = multiscale_structural_similarity_index_measure(batch(decoded), batch(original), data_range=PEAK)
    if not isinstance(similarity, torch.Tensor):  # a tuple only where the contrast images are asked for
        raise TypeError("torchmetrics returned no single similarity")
    return min(float(similarity), 1.0)  # float32 may round identical images to just above 1


def ms_ssim_db(similarity: float) -> float:
    """MS-SSIM in dB, -10 log10(1 - similarity); infinity for 1."""
    return math.inf if similarity >= 1.0 else -10.0 * math.log10(1.0 - similarity)


def _check_pair(original: Pixels, decoded: Pixels) -> None:
    if original.shape != decoded.shape or original.ndim != 3 or original.shape[2] != 3:
        raise ValueError(f"expected two images [H, W, 3], got {original.shape} and {decoded.shape}")
    if original.dtype != np.uint8 or decoded.dtype != np.uint8:
        raise ValueError(f"expected uint8 images, got {original.dtype} and {decoded.dtype}")
