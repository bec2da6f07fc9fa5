"""Names of engines and number formats, which the command line knows before it loads an engine."""

from __future__ import annotations

from typing import Literal

EngineName = Literal["auto", "ncnn", "torch"]
"""What users may ask for."""

Precision = Literal["auto", "fp32", "bf16"]
"""What the float networks compute in; bf16 is faster where the hardware has it, and moves pixels by a few 1/255."""
