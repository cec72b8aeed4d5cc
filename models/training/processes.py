"""One process, or several that `torchrun` started: who this is, on which device, and sums over all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn

from trtconv.errors import BadInput, Unavailable


@dataclass(frozen=True)
class Processes:
    """This process: `rank` of `world`, on `device`."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def share(self, batch: int) -> int:
        """This process's part of a batch.

        Raises:
            BadInput: The batch does not divide, or leaves a process less than the two images that batch
                normalisation needs.
        """
        if batch % self.world or batch // self.world < 2:
            raise BadInput(
                f"a batch of {batch} cannot be shared by {self.world} process(es)",
                where="--batch",
                do=f"use a multiple of {self.world} with at least two images for each",
            )
        return batch // self.world

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, in each of them."""
        if self.world > 1:
            values = values.to(self.device)
            distributed.all_reduce(values)
        return values.cpu()

    def agreed(self, model: nn.Module) -> nn.Module:
        """The network with the first process's statistics; each one's own come from its share of the batches."""
        if self.world > 1:
            for buffer in model.buffers():
                distributed.broadcast(buffer, 0)
        return model

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            distributed.barrier()

    def parallel(self, model: nn.Module) -> nn.Module:
        """The network as the training step calls it: gradients are averaged over the processes."""
        if self.world == 1:
            return model
        ids = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=ids)


@contextmanager
def started(device: str = "auto") -> Iterator[Processes]:
    """Join the other processes, if `torchrun` started this one, and leave them at the end.

    Raises:
        Unavailable: The device is not there.
    """
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    chosen = _device(device)
    if world == 1:
        yield Processes(0, 1, chosen)
        return
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Processes(rank, world, chosen)
    finally:
        distributed.destroy_process_group()


def _device(wanted: str) -> torch.device:
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda"):
        if not torch.cuda.is_available():
            raise Unavailable("PyTorch sees no CUDA device", where="--device", do="leave it out, or give cpu")
        if wanted == "cuda":
            wanted = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(torch.device(wanted))
    return torch.device(wanted)
