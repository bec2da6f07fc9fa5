"""CPU time of restoration filters in PyTorch and in ncnn: ``python benchmarks/studies/restoration_times.py``.

768x512 pixels, one thread, float32, in milliseconds; the least of some calls for each height of the strips. *Plain*:
layers as they are trained, with their identities, and space-to-depth around them. *Folded*: identities in the kernels,
the vector by quality in the first bias, cells already cut, so that all is convolutions with leaky ReLU.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import ncnn
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from restoration_filters import Candidate
from torch import Tensor, nn

HEIGHT, WIDTH = 512, 768
STRIPS = (512, 128, 64)
SHAPES = ((1, 16, 2), (2, 24, 1), (2, 24, 2), (2, 32, 1), (2, 32, 2), (2, 48, 1), (2, 64, 1), (4, 48, 1), (4, 64, 2))
"""Side of a cell, channels, residual layers."""

Kernel = tuple[Tensor, Tensor]


def folded(model: Candidate, position: Tensor) -> list[Kernel]:
    """Weights and biases of a filter's convolutions at one quality, identities included."""
    kernels = [(model.stem.weight, model.stem.bias + model.quality(position).flatten())]
    for layer in model.body:
        convolution: Any = getattr(layer, "conv", None)
        if convolution is not None:
            identity = torch.eye(len(convolution.weight))[:, :, None, None]
            kernels.append((convolution.weight + F.pad(identity, (1, 1, 1, 1)), convolution.bias))
    last: Any = model.body[-1]
    kernels.append((last.weight, last.bias))
    return kernels


def run_folded(kernels: list[Kernel], cells: Tensor) -> Tensor:
    """What `Candidate` does, on cells."""
    x = cells
    for weight, bias in kernels[:-1]:
        x = F.leaky_relu_(F.conv2d(x, weight, bias, padding=1), 0.1)
    return F.conv2d(x, *kernels[-1], padding=1).add_(cells)


def ncnn_network(kernels: list[Kernel]) -> ncnn.Net:
    """The same for ncnn."""
    lines = ["Input x 0 1 x", "Split split 1 2 x x0 x1"]
    blob, data = "x0", b""
    for number, (weight, bias) in enumerate(kernels):
        last = number == len(kernels) - 1
        sizes = f"0={weight.shape[0]} 1=3 4=1 5=1 6={weight.numel()}"
        lines.append(f"Convolution conv{number} 1 1 {blob} y{number} {sizes}{'' if last else ' 9=2 -23310=1,0.1'}")
        blob = f"y{number}"
        data += bytes(4) + weight.contiguous().numpy().tobytes() + bias.numpy().tobytes()  # four zeros: float32
    lines.append(f"BinaryOp add 2 1 x1 {blob} y 0=0")
    network = ncnn.Net()
    network.opt.num_threads = 1
    for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(network.opt, f"use_{name}", False)
    with tempfile.TemporaryDirectory() as folder:
        text, binary = Path(folder, "m.param"), Path(folder, "m.bin")
        text.write_text("\n".join(["7767517", f"{len(lines)} {len(kernels) + 4}", *lines, ""]))
        binary.write_bytes(data)
        if network.load_param(str(text)) or network.load_model(str(binary)):
            raise RuntimeError("ncnn does not load the network")
    return network


def run_ncnn(network: ncnn.Net, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Runs it on ``[C, h, w]``."""
    extractor = network.create_extractor()
    extractor.input("x", ncnn.Mat(x))
    return np.array(extractor.extract("y")[1])


def least(function: Callable[[Any], object], parts: Sequence[Any], repeats: int) -> float:
    """Milliseconds of CPU time for all parts, one after the other."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        for part in parts:
            function(part)
        times.append(time.process_time() - started)
    return 1000 * min(times)


def strips(x: Tensor, rows: int, margin: int) -> list[Tensor]:
    """Cuts into strips with margins on both sides."""
    height = x.shape[2]
    return [x[:, :, max(0, top - margin) : top + rows + margin] for top in range(0, height, rows)]


@torch.inference_mode()
def times(cell: int, width: int, layers: int, repeats: int) -> str:
    """Times a shape, after a check that all ways give the same."""
    model = Candidate(cell, width, layers, False, 0, 0.0).to(memory_format=torch.channels_last)
    for convolution in (module for module in model.modules() if isinstance(module, nn.Conv2d)):
        convolution.weight.normal_(0.0, 0.1)
    position, nothing = torch.tensor([3.5]), torch.empty(0)
    kernels = folded(model, position)
    network = ncnn_network(kernels)
    image = torch.rand(1, 3, HEIGHT, WIDTH) - 0.5
    cells = F.pixel_unshuffle(image, cell).contiguous(memory_format=torch.channels_last)

    def plain(x: Tensor) -> Tensor:
        restored: Tensor = model(x, position, nothing, nothing)
        return restored

    expected = F.pixel_unshuffle(plain(image), cell)
    for found in (run_folded(kernels, cells), torch.from_numpy(run_ncnn(network, cells[0].contiguous().numpy()))[None]):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
    columns = []
    for rows in STRIPS:
        margin = layers + 2
        cut = strips(cells, rows // cell, margin)
        columns.append(
            f"{rows} rows: {least(plain, strips(image, rows, margin * cell), repeats):.1f}, "
            f"folded {least(partial(run_folded, kernels), cut, repeats):.1f}, "
            f"ncnn {least(partial(run_ncnn, network), [part[0].contiguous().numpy() for part in cut], repeats):.1f}"
        )
    return f"cells of {cell}, {width} channels, {layers} layers, {model.kmac_per_pixel:.2f} kMAC; " + "; ".join(columns)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--repeats", default=8)
def main(repeats: int) -> None:
    """Print a line for each shape."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    for shape in SHAPES:
        click.echo(times(*shape, repeats))


if __name__ == "__main__":
    main()
