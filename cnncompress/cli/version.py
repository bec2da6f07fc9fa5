"""``--version``; with ``-v`` also the versions of libraries, devices and models."""

from __future__ import annotations

import platform
import sys

import click

from cnncompress import __version__
from cnncompress.cpu_count import available_cores
from cnncompress.engines.choice import is_installed
from cnncompress.errors import InvalidModel
from cnncompress.model.manifest import read_manifest

_PACKAGES = ("ncnn", "torch", "constriction", "numpy", "pillow", "safetensors", "click")


def show_version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Prints the version and exits, if requested; a callback of click."""
    if not wanted or ctx.resilient_parsing:
        return
    click.echo(f"cnncompress {__version__}")
    if ctx.params.get("verbose"):
        for line in _details():
            click.echo(line)
    ctx.exit()


def _details() -> list[str]:
    import importlib.metadata  # slow to import

    lines = [f"python {platform.python_version()} ({sys.platform}, {platform.machine()})"]
    for name in _PACKAGES:
        try:
            lines.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{name} is not installed")
    lines += _devices()
    try:
        manifest = read_manifest()
    except InvalidModel as error:
        return [*lines, f"no models: {error}"]
    return lines + [f"model {entry.name} {entry.fingerprint}" for entry in manifest.entries]


def _devices() -> list[str]:
    cpu = f"device cpu, {available_cores()} threads"
    if not is_installed("torch"):
        return [cpu]
    try:
        import torch
    except (ImportError, OSError) as error:
        return [f"torch cannot be loaded: {error}", cpu]
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    lines = [f"cuda {torch.version.cuda or 'is not in this torch'}"]
    lines += [f"device cuda:{index} {name}" for index, name in enumerate(names)]
    if torch.backends.mps.is_available():
        lines.append("device mps")
    return [*lines, cpu]
