"""Names of the codecs and metrics, known before any of their libraries is loaded."""

from __future__ import annotations

CNC = "cnc"

CODECS = (CNC, "jpeg", "webp", "jxl", "avif", "avif-psnr", "avif-slow", "avif-psnr-slow", "jpeg2000")
"""All codecs, in the order of the tables."""

RATE_DRIVEN = ("jpeg2000",)
"""Codecs whose quality is a rate, so that no quality can be searched for."""

METRICS = ("psnr", "ms-ssim", "ssimulacra2", "cvvdp")
"""All metrics, in the order of the tables."""
