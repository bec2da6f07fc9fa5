"""Names of engines and number formats; the command line needs them before it loads an engine."""

from __future__ import annotations

from typing import Literal

EngineName = Literal["auto", "ncnn", "torch"]
"""Engines that users may choose."""

Precision = Literal["auto", "fp32", "bf16"]
"""Number format of the float networks. bf16 is faster if the hardware has it, and changes pixels by a few 1/255."""
