"""Options for running: model, devices, threads and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import click

from cnncompress.bitstream.container import MAX_SIDE
from cnncompress.cli.options.completing import ModelName
from cnncompress.cli.options.groups import option_group, section
from cnncompress.cli.options.types import Device, Devices, Size
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.engines.names import EngineName, Precision
from cnncompress.files.kinds import STANDARD_STREAM
from cnncompress.images.limits import DEFAULT_MAX_PIXELS, DEFAULT_MEMORY_LIMIT, Limits
from cnncompress.model.manifest import weights_path

_Function = TypeVar("_Function", bound=Callable[..., Any])

_option = section("Running")

MODEL_VARIABLE = "CNNCOMPRESS_MODEL"
DEVICE_VARIABLE = "CNNCOMPRESS_DEVICE"
THREADS_VARIABLE = "CNNCOMPRESS_THREADS"

device_option = click.option(
    "--device",
    type=Device(),
    default="auto",
    envvar=DEVICE_VARIABLE,
    show_default=True,
    show_envvar=True,
    help="Where to run.",
)
"""For commands that code files one after the other."""


def model_option(
    what: str = "Weights file for .cnc files whose model is not installed.",
) -> Callable[[_Function], _Function]:
    """Returns the option for a model of such commands.

    Args:
        what: Its help; by default for commands that decode.
    """
    return click.option(
        "--model",
        metavar="NAME|PATH",
        type=ModelName(),
        envvar=MODEL_VARIABLE,
        show_envvar=True,
        help=what,
    )


def named_weights(model: str | None) -> tuple[str, ...]:
    """Returns the weights file that the command line names; nothing for the name of an installed model.

    Args:
        model: Value of ``--model``.
    """
    path = weights_path(model)
    return () if path is None else (str(path),)


@dataclass(frozen=True)
class RunOptions:
    """Values of the *Running* options."""

    model: str | None
    device: tuple[str, ...]
    engine: EngineName
    precision: Precision
    jobs: int | None
    threads: int | None
    ray: str | None
    max_pixels: int
    max_dim: int
    memory_limit: int

    @property
    def limits(self) -> Limits:
        """How large images may be."""
        return Limits(self.max_pixels, self.max_dim, self.memory_limit)

    @property
    def model_settings(self) -> ModelSettings:
        """The model and how its networks are run; device and threads depend on the files."""
        return ModelSettings(self.model, engine=self.engine, precision=self.precision)

    def check(self, paths: Iterable[str]) -> None:
        """Checks that the options can be combined.

        Args:
            paths: Inputs and output.

        Raises:
            click.UsageError: ``--ray`` is given, and a standard stream or certain GPUs are asked for.
        """
        if self.ray is None:
            return
        if STANDARD_STREAM in paths:
            raise click.UsageError("--ray needs files as input and output, not standard streams.")
        if self.device not in (("auto",), ("cpu",), ("cuda",)):
            raise click.UsageError("--ray chooses the GPUs itself: --device must be auto, cpu or cuda.")


run_options = option_group(
    "run_on",
    RunOptions,
    _option(
        "--model",
        metavar="NAME|PATH",
        type=ModelName(),
        envvar=MODEL_VARIABLE,
        show_envvar=True,
        help="Name of a model, or path of a weights file.",
    ),
    _option(
        "--device",
        type=Devices(),
        default="auto",
        show_default=True,
        envvar=DEVICE_VARIABLE,
        show_envvar=True,
        help="Where to run: auto, cpu, cuda, cuda:N, mps, or several GPUs as cuda:0,cuda:1.",
    ),
    _option(
        "--engine",
        type=click.Choice(get_args(EngineName)),
        default="auto",
        show_default=True,
        help="What runs the networks: ncnn on a CPU, torch on a GPU or a CPU.",
    ),
    _option(
        "--precision",
        type=click.Choice(get_args(Precision)),
        default="auto",
        show_default=True,
        help="Number format of the networks; bf16, with torch only, is faster on some hardware; auto is fp32.",
    ),
    _option(
        "-j",
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        help="Number of files processed at the same time; by default one per core.",
    ),
    _option(
        "-T",
        "--threads",
        type=click.IntRange(min=0),
        metavar="N",
        envvar=THREADS_VARIABLE,
        show_envvar=True,
        help="CPU threads in total; 0, the default, for one per core.",
    ),
    _option(
        "--ray",
        metavar="auto|local|ADDRESS",
        help="Run on a Ray cluster: the running one, one started for this run, or the one at an address.",
    ),
    _option(
        "--max-pixels",
        type=click.IntRange(min=1),
        metavar="N",
        default=DEFAULT_MAX_PIXELS,
        show_default=True,
        help="Refuse larger images before they are decoded.",
    ),
    _option(
        "--max-dim",
        type=click.IntRange(1, MAX_SIDE),
        metavar="N",
        default=MAX_SIDE,
        show_default=True,
        help="Refuse images with a longer side.",
    ),
    _option(
        "-M",
        "--memory-limit",
        type=Size(),
        default=f"{DEFAULT_MEMORY_LIMIT // 10**9}G",
        show_default=True,
        help="Refuse images that need more memory than this, on top of about 800 MB for the program.",
    ),
)
