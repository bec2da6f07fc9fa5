"""The parts of a training step: which parameters it moves and how far, at which qualities, in which arithmetic."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from cnncompress.model.config import ModelConfig
from cnncompress.nn.quality import lambda_at
from cnncompress.training.config import Phase, TrainConfig


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Builds Adam with the peak rates of the networks, the tables by quality and the linear path."""
    # By kind and not by rate: a checkpoint then fits a configuration in which two rates are equal.
    rates = {"network": config.learning_rate, "table": config.table_learning_rate, "klt": config.klt_learning_rate}
    groups: dict[str, list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        last = name.rpartition(".")[2]
        groups.setdefault(last if last in rates else "network", []).append(parameter)
    return torch.optim.Adam([{"params": found, "lr": rates[kind]} for kind, found in groups.items()], fused=True)


def choose_parameters(model: nn.Module, phase: Phase) -> None:
    """Lets a phase train all parameters, or those of the synthesis and the inverse gains alone."""
    for name, parameter in model.named_parameters():
        in_synthesis = name.startswith(("network.g_s.", "network.log_inverse_gain."))
        parameter.requires_grad_(in_synthesis or not phase.synthesis_only)


def draw_qualities(config: ModelConfig, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Draws one quality from each of as many equal parts of the range as there are crops, in random order.

    They are in random order because the crops come sorted by their scale, and drawn on the host because the lambdas,
    which are there, would have to be copied first.

    Args:
        config: Shape of the model.
        count: Crops of the step.
        device: Where the step runs, which is not waited for.

    Returns:
        float32 ``[count]`` each on the device: places among the anchors, and lambdas.
    """
    draw = torch.randperm(count) + torch.rand(count)
    position = draw / count * (config.anchors - 1)
    drawn = torch.stack([position, lambda_at(config.lambdas, position)]).to(device, non_blocking=True)
    position, lmbda = drawn.unbind()
    return position, lmbda


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Keeps TensorFloat-32 out of training, and lets cuDNN choose its kernels by trial.

    What autocast leaves in float32 is there because bf16 was not enough, and TF32 has only three bits more: the scale
    network simulates sums of integers up to 2^24, and the linear path carries coefficients of several hundred
    steps. Together they are less than a tenth of the arithmetic. torch lets convolutions use TF32 unless told not to;
    matrix products, which the compiler may make of 1x1 convolutions, it leaves in full precision, and so do we.
    """
    if device.type != "cuda":
        return nullcontext()
    cudnn = torch.backends.cudnn
    flags: AbstractContextManager[object] = cudnn.flags(
        enabled=cudnn.enabled, benchmark=True, deterministic=cudnn.deterministic, allow_tf32=False
    )
    return flags
