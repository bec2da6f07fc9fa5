"""Options that commands share one by one; those of `compress` and `decompress` are in groups."""

from __future__ import annotations

import click

from cnncompress.cli.types import Device

MODEL_VARIABLE = "CNNCOMPRESS_MODEL"
DEVICE_VARIABLE = "CNNCOMPRESS_DEVICE"
THREADS_VARIABLE = "CNNCOMPRESS_THREADS"

device_option = click.option(
    "--device",
    type=Device(),
    default="auto",
    show_default=True,
    help="Where to run: auto, cpu, cuda, cuda:N or mps.",
)
force_option = click.option("-f", "--force", is_flag=True, help="Replace OUTPUT if it exists.")
