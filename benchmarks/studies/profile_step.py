"""Where the time of a training step goes: ``profile_step.py --threads 2``.

Random crops stand in for photographs; nothing that is timed depends on what they show. The arithmetic rate of the
step is set against that of the transforms' own 3x3 convolutions in bfloat16, alone, forward and backward, in one run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cnncompress.nn.quality import lambda_at
from cnncompress.training.config import Phase, load_config
from cnncompress.training.loop import Trainer
from cnncompress.training.loss import rate_distortion


@dataclass(frozen=True)
class Rate:
    """Time and arithmetic of a piece of work.

    Attributes:
        seconds: Median over the repetitions.
        gmac: Thousand million multiply-accumulates.
    """

    seconds: float
    gmac: float

    @property
    def gmac_per_second(self) -> float:
        """Arithmetic per second."""
        return self.gmac / self.seconds


def measure(work: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Median seconds of a call, after one that is not counted."""

    def synchronise() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    seconds = []
    for repeat in range(repeats + 1):
        synchronise()
        start = time.perf_counter()
        work()
        synchronise()
        if repeat:
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def gmac(work: Callable[[], object]) -> float:
    """Multiply-accumulates of the convolutions and matrix products of a call, in thousand millions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops()) / 2e9


def plain_convolution(channels: int, side: int, batch: int, repeats: int, device: torch.device) -> Rate:
    """A 3x3 convolution in bfloat16, channels last, forward and backward."""
    conv = nn.Conv2d(channels, channels, 3, padding=1).to(device).to(memory_format=torch.channels_last)
    x = torch.randn(batch, channels, side, side, device=device).to(memory_format=torch.channels_last)
    x.requires_grad_()
    gradient = torch.randn_like(x).bfloat16()

    def work() -> None:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            y = conv(x)
        torch.autograd.grad(y, (x, conv.weight), gradient)

    # The gradients of input and weight take as much as the forward pass each.
    return Rate(measure(work, repeats, device), 3 * batch * side**2 * 9 * channels**2 / 1e9)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--config", type=click.Path(path_type=Path, exists=True), help="TOML file; default settings without it.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
@click.option("--crop", default=256, help="Side of the crops.")
@click.option("--batch", default=4, help="Crops per step.")
@click.option("--device", default="cpu", help="cpu, cuda or cuda:N.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads of torch.")
@click.option("--repeats", default=15, help="Repetitions of each measurement.")
def main(
    config: Path | None,
    changes: tuple[str, ...],
    crop: int,
    batch: int,
    device: str,
    threads: int | None,
    repeats: int,
) -> None:
    """Profile one step of training."""
    if threads:
        torch.set_num_threads(threads)
    place = torch.device(device)
    phase = Phase(1.0, crop=crop, batch=batch)
    settings = replace(load_config(config, changes), phases=(phase,))
    images = {str(i): torch.randint(0, 256, (3, 1024, 1024), dtype=torch.uint8) for i in range(4)}
    trainer = Trainer(settings, images, {}, place, log=lambda _: None)
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        trainer.run(1e6, Path(folder) / "warm.pt", max_steps=3)
        trainer.run(1e6, Path(folder) / "steps.pt", max_steps=repeats)
        start = time.perf_counter()
        trainer.run(1e6, Path(folder) / "steps.pt", max_steps=repeats)
        step = (time.perf_counter() - start) / repeats
    model = trainer.model.train()
    x = torch.rand(batch, 3, crop, crop, device=place).contiguous(memory_format=torch.channels_last)
    position = torch.linspace(0, settings.model.anchors - 1, batch, device=place)
    lmbda = lambda_at(settings.model.lambdas, position)

    def forward() -> Tensor:
        with torch.autocast(place.type, dtype=torch.bfloat16):
            output = model(x, position)
        return rate_distortion(x, output, lmbda, settings.rate_weight_exponent, trainer.objective).loss

    def forward_and_backward() -> None:
        trainer.optimizer.zero_grad(set_to_none=True)
        forward().backward()

    def update() -> None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_clip)
        trainer.optimizer.step()
        trainer.average.update_parameters(trainer.model)

    arithmetic = gmac(forward_and_backward)
    forward_seconds = measure(forward, repeats, place)
    both_seconds = measure(forward_and_backward, repeats, place)
    update_seconds = measure(update, repeats, place)
    shape = settings.model
    plain = {
        f"{shape.width_8} channels at 1/8": plain_convolution(shape.width_8, crop // 8, batch, repeats, place),
        f"{shape.width_16} channels at 1/16": plain_convolution(shape.width_16, crop // 16, batch, repeats, place),
    }
    print(f"step: {1000 * step:.0f} ms, {batch} crops of {crop}x{crop}, {arithmetic:.1f} GMAC")
    print(f"  forward              {1000 * forward_seconds:7.1f} ms")
    print(f"  backward             {1000 * (both_seconds - forward_seconds):7.1f} ms")
    print(f"  clip, Adam, average  {1000 * update_seconds:7.1f} ms")
    print(f"  crops and the rest   {1000 * (step - both_seconds - update_seconds):7.1f} ms")
    networks = Rate(both_seconds, arithmetic)
    for name, rate in plain.items():
        share = 100 * networks.gmac_per_second / rate.gmac_per_second
        print(f"plain 3x3 convolution, {name}: {rate.gmac_per_second:.0f} GMAC/s")
        print(f"  forward and backward of the networks reach {networks.gmac_per_second:.0f}: {share:.0f} %")
    with torch.profiler.profile(record_shapes=False) as profiler:
        for _ in range(3):
            forward_and_backward()
            update()
    key = "self_cpu_time_total" if place.type == "cpu" else "self_device_time_total"
    print(profiler.key_averages().table(sort_by=key, row_limit=25, max_name_column_width=50))


if __name__ == "__main__":
    main()
