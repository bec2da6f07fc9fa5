"""A run of several processes, started by torchrun: each has the whole model, and all take the same steps.

Each cuts its share of a step's crops and draws its own qualities and noise; their gradients are averaged. PyTorch's
`DistributedDataParallel` would overlap the transfer with the backward pass, but must know beforehand which parameters
get a gradient, and these differ between the phases of a run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import distributed as dist

from cnncompress.errors import CnncompressError, LostProcess


@dataclass(frozen=True)
class Processes:
    """The processes of a run, from the point of view of one of them.

    Attributes:
        rank: Which one this is, from 0; the first keeps time, writes the checkpoints, validates and reports.
        count: How many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def seed(self, seed: int) -> int:
        """Returns this process's seed; the first process has the seed itself."""
        return seed + 1_000_003 * self.rank

    def share(self, batch: int) -> int:
        """Returns how many crops of a step are this process's.

        Raises:
            CnncompressError: They cannot be shared out evenly.
        """
        if batch % self.count:
            raise CnncompressError(f"a batch of {batch} crops cannot be shared out evenly to {self.count} processes")
        return batch // self.count

    def agree(self, seconds: float, going: bool) -> tuple[float, bool]:
        """Returns the time used, and whether there is another step, as the first process has them.

        The values travel between the hosts, so that no GPU is waited for.

        Raises:
            LostProcess: Another process has ended.
        """
        if self.count > 1:
            message = torch.tensor([seconds, float(going)], dtype=torch.float64)
            with _loss_noticed():
                dist.broadcast(message, src=0)
            seconds, going = message[0].item(), message[1].item() > 0.0
        return seconds, going

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replaces the gradients of the parameters that have one by their means over the processes, in one transfer.

        Raises:
            LostProcess: Another process has ended; the gradients are of no use then.
        """
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        with _loss_noticed():
            dist.all_reduce(flat)
        means = (flat / self.count).split([gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view(gradient.shape))


ALONE = Processes()


@contextmanager
def joined() -> Iterator[Processes]:
    """Joins the other processes that torchrun has started; a process that it has not started is alone.

    Raises:
        LostProcess: There is no connection to them.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    with _loss_noticed():
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def own_device(name: str) -> str:
    """Returns the name of this process's device: under torchrun ``cuda``, and ``auto`` with GPUs, are one for each."""
    chosen = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    return f"cuda:{os.environ['LOCAL_RANK']}" if chosen and "LOCAL_RANK" in os.environ else name


@contextmanager
def _loss_noticed() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise LostProcess(f"another process of the run is gone: {str(error).splitlines()[0]}") from error
