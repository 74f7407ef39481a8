"""Checkpoints: all that a training needs to go on bit for bit, in a folder that is there whole or not at all.

``weights.safetensors`` and ``optimizer.safetensors`` hold float32 tensors under their weights' names, ``state.json``
the rest. Only tensors and JSON: nothing in a checkpoint can run.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from lmloop.core.draft import sync
from lmloop.core.errors import DataError
from lmloop.nn.learner import Learner
from lmloop.nn.parallel import Ranks, like, whole

WEIGHTS, OPTIMIZER, STATE = "weights.safetensors", "optimizer.safetensors", "state.json"
RNG = "rng"
UNFINISHED, REPLACED, REMOVED = ".writing", ".replaced", ".removed"


@dataclass(frozen=True)
class Carried:
    """What a checkpoint carries: what a learner trains and its optimizers, on any number of ranks."""

    learner: Learner
    optimizers: Sequence[Optimizer]
    ranks: Ranks

    def save(self, folder: Path, state: Mapping[str, Any]) -> None:
        """Write a checkpoint in the place of an older one; every rank must ask, the first one writes."""
        weights = {name: _plain(weight) for name, weight in self.named()}
        inner = {name: _plain(value) for name, value in self._inner()}
        if not self.ranks.first:
            return
        new = folder.with_name(folder.name + UNFINISHED)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        save_file(weights, new / WEIGHTS)
        save_file({**inner, RNG: torch.get_rng_state()}, new / OPTIMIZER)
        (new / STATE).write_text(json.dumps(dict(state), sort_keys=True), encoding="utf-8")
        for path in (*new.iterdir(), new):
            sync(path)
        old = folder.with_name(folder.name + REPLACED)
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        sync(folder.parent)
        shutil.rmtree(old, ignore_errors=True)

    def load(self, folder: Path) -> dict[str, Any]:
        """Read a checkpoint back into model and optimizers; give the state.

        Raises:
            DataError: it is damaged, or another model's.
        """
        state = read_state(folder)
        try:
            weights, inner = load_file(folder / WEIGHTS), load_file(folder / OPTIMIZER)
            torch.set_rng_state(inner.pop(RNG))
            with torch.no_grad():
                for name, weight in self.named():
                    weight.copy_(like(weights[name], weight))
            self._load_inner(inner)
        except (OSError, KeyError, RuntimeError, ValueError) as bad:
            raise DataError(f"the checkpoint {folder} cannot be read: {bad}", hint="remove its folder") from None
        return state

    def named(self) -> list[tuple[str, nn.Parameter]]:
        """List the weights that are trained."""
        return self.learner.trained()

    def _inner(self) -> list[tuple[str, Tensor]]:
        """List the optimizers' tensors, named by weight and kind."""
        names = {weight: name for name, weight in self.named()}
        return [
            (f"{names[weight]}/{kind}", value)
            for optimizer in self.optimizers
            for group in optimizer.param_groups
            for weight in group["params"]
            for kind, value in optimizer.state[weight].items()
        ]

    def _load_inner(self, inner: Mapping[str, Tensor]) -> None:
        weights = dict(self.named())
        owners = {w: optimizer for optimizer in self.optimizers for g in optimizer.param_groups for w in g["params"]}
        for key, value in inner.items():
            name, _, kind = key.rpartition("/")
            weight = weights[name]
            placed = like(value, weight) if value.shape == weight.shape else value.to(weight.device)
            owners[weight].state[weight][kind] = placed


def read_state(folder: Path) -> dict[str, Any]:
    """Read the state of a checkpoint.

    Raises:
        DataError: there is none.
    """
    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as bad:
        raise DataError(f"the checkpoint {folder} cannot be read: {bad}") from None
    return state


def settle(folder: Path) -> None:
    """Put right what a kill in the middle of writing left among some checkpoints."""
    for path in sorted(folder.glob(f"*{REPLACED}")):
        kept = path.with_name(path.name.removesuffix(REPLACED))
        if kept.exists():
            shutil.rmtree(path)
        else:
            path.rename(kept)
    for path in (*folder.glob(f"*{UNFINISHED}"), *folder.glob(f"*{REMOVED}")):
        shutil.rmtree(path)
    for path in folder.glob("step-????????"):
        if not (path / STATE).is_file():  # an older version did not rename what it removed
            shutil.rmtree(path)


def remove(folder: Path) -> None:
    """Remove a checkpoint: one that is half removed must not look like a whole one."""
    gone = folder.with_name(folder.name + REMOVED)
    folder.rename(gone)
    shutil.rmtree(gone)


def _plain(tensor: Any) -> Tensor:
    return whole(tensor.detach()).cpu().contiguous()
