"""Ranks: the processes that train one model together, each with its device and its rows of every step."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from lmloop.nn.training import Parallel


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of how many processes this one is, and where it computes."""

    rank: int
    world: int
    device: torch.device

    @classmethod
    def join(cls) -> "Ranks":
        """Join the others that ``torchrun`` started; alone without it."""
        rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        gpu = torch.cuda.is_available()
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if gpu else torch.device("cpu")
        if gpu:
            torch.cuda.set_device(device)
        if world > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if gpu else "gloo")
        return cls(rank, world, device)

    def leave(self) -> None:
        """Part from the others."""
        if self.world > 1:
            dist.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this one does what only one should: files and words."""
        return self.rank == 0

    def sums(self, *values: float | Tensor) -> list[float]:
        """Add numbers up over all ranks; all see the same sums."""
        total = torch.stack([torch.as_tensor(value, dtype=torch.float64, device=self.device) for value in values])
        if self.world > 1:
            dist.all_reduce(total)
        return [float(value) for value in total.tolist()]

    def wait(self) -> None:
        """Wait until all are here."""
        if self.world > 1:
            dist.barrier()

    def wrap(self, module: nn.Module, layers: Iterable[nn.Module], parallel: Parallel) -> nn.Module:
        """Make a module whose gradients are those of all ranks: copies of it (DDP), or shards (FSDP2).

        ``layers`` are its parts that are gathered one at a time.
        """
        if self.world == 1:
            return module
        if parallel == "ddp":
            from torch.nn.parallel import DistributedDataParallel

            return DistributedDataParallel(module, device_ids=[self.device] if self.device.type == "cuda" else None)
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh(self.device.type, (self.world,))
        for layer in layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(module, mesh=mesh)
        return module


def synchronise(wrapped: Any, on: bool) -> None:
    """Say whether the next backward pass adds gradients up over the ranks: only the last one of a step must."""
    if hasattr(wrapped, "require_backward_grad_sync"):
        wrapped.require_backward_grad_sync = on
    elif hasattr(wrapped, "set_requires_gradient_sync"):
        wrapped.set_requires_gradient_sync(on)


def reshard(wrapped: nn.Module) -> None:
    """Put sharded weights back in their shards, where a pass that only looks ahead left them whole."""
    shards: list[Any] = [module for module in wrapped.modules() if hasattr(module, "reshard")]
    for module in shards:
        module.reshard()


def whole(tensor: Any) -> Tensor:
    """Give a tensor that may be spread over the ranks as one; all ranks must ask."""
    found: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return found


def like(value: Tensor, place: Any) -> Tensor:
    """Spread a whole tensor over the ranks as ``place`` is."""
    if not hasattr(place, "full_tensor"):
        return value.to(place.device)
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(place.device), place.device_mesh, place.placements, src_data_rank=None)
