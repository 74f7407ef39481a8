"""A model with an adapter on it: what a training asks for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from lmloop.core.errors import LmloopError
from lmloop.core.method import Method
from lmloop.core.sites import Router
from lmloop.nn.adapters.feedforward import FeedForwardRider
from lmloop.nn.adapters.frame import Frame
from lmloop.nn.adapters.lowrank import LowRankRider
from lmloop.nn.adapters.routing import TaskRouter, TokenRouter
from lmloop.nn.adapters.seat import Rider, adapter_names, seats, unseat
from lmloop.nn.decoder import Decoder

GATES = "task_gates"
"""Where a model keeps the routers that all its places share, by adapter."""


@dataclass(frozen=True, eq=False)
class Adapted:
    """One adapter of a model, by its name. Several of these may share a model, and then a frame."""

    model: nn.Module
    frame: Frame
    method: Method
    name: str
    seed: int

    def riders(self) -> dict[str, Rider]:
        """Give what sits on each place."""
        return {
            one.place: cast(Rider, one.adapters[self.name]) for one in seats(self.model) if self.name in one.adapters
        }

    def gate(self) -> TaskRouter | None:
        """Give the router that all places share, where experts are weighed by task."""
        gates = getattr(self.model, GATES, None)
        return cast(TaskRouter, gates[self.name]) if gates is not None and self.name in gates else None

    def named_parameters(self) -> dict[str, nn.Parameter]:
        """Give what is trained, by names that do not hang on the adapter's own: the place, and the tensor."""
        found = {
            f"{place}.{tensor}": weight
            for place, rider in self.riders().items()
            for tensor, weight in rider.named_parameters()
        }
        if (gate := self.gate()) is not None:
            found |= {f"{GATES}.{tensor}": weight for tensor, weight in gate.named_parameters()}
        return found

    def parameters(self) -> list[nn.Parameter]:
        """Give what is trained."""
        return list(self.named_parameters().values())

    @property
    def trainable(self) -> int:
        """Count the trained weights."""
        return sum(weight.numel() for weight in self.parameters())

    def groups(self, learning_rate: float, weight_decay: float = 0.0) -> list[dict[str, Any]]:
        """Give the parameter groups for an optimizer: a group for each learning rate of the method.

        ``factor`` is the group's factor of the rate, for schedules that set rates anew.
        """
        factors = self.method.rates()
        by_factor: dict[float, list[nn.Parameter]] = {}
        for name, weight in self.named_parameters().items():
            by_factor.setdefault(factors.get(name.rpartition(".")[2], 1.0), []).append(weight)
        return [
            {"params": weights, "lr": learning_rate * factor, "weight_decay": weight_decay, "factor": factor}
            for factor, weights in sorted(by_factor.items())
        ]

    def feed(
        self, mask_BT: Tensor | None = None, tasks: Tensor | None = None, documents_BT: Tensor | None = None
    ) -> None:
        """Say what holds for the passes to come: padding, tasks, and the samples of packed rows.

        ``mask_BT`` is true where there is text; ``tasks`` are ids of rows (B) or places (B, T), or weights of several
        tasks (B, tasks); ``documents_BT`` numbers the samples in each row.
        """
        refuse_reentrant(self.model)
        self.frame.feed(mask_BT, tasks, documents_BT)

    @contextmanager
    def active(self, names: str | Sequence[str | None] | None) -> Iterator[None]:
        """Let another adapter work for a while, none (the bare model), or one for each row of the batch.

        Raises:
            LmloopError: no adapter of that name sits on the model.
        """
        chosen = names if names is None or isinstance(names, str) else tuple(names)
        known = set(adapter_names(self.model))
        asked = {chosen} if chosen is None or isinstance(chosen, str) else set(chosen)
        for name in asked - {None} - known:
            raise LmloopError(f"no adapter {name!r} sits on this model", hint=f"there are: {', '.join(sorted(known))}")
        with self.frame.changed(replace(self.frame.inputs, active=chosen)):
            yield

    def aux_loss(self) -> Tensor:
        """Give the routing losses of the last forward pass, with their factors, and forget them; 0 if there are none.

        Losses of several places are averaged or added, as the method says.

        Raises:
            LmloopError: they have no gradient, because a reentrant checkpoint computed them.
        """
        losses = {key: loss for key, loss in self.frame.losses.items() if key[0] == self.name}
        self.frame.losses.clear()
        if not losses:
            return torch.zeros((), device=next(self.model.parameters()).device)
        if torch.is_grad_enabled() and not all(loss.requires_grad for loss in losses.values()):
            raise _reentrant()
        total = torch.stack(list(losses.values())).sum()
        added = any(_setting(rider).total == "sum" for rider in self.riders().values() if _has_router(rider))
        return total if added else total / len(losses)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count what the routers do inside; :meth:`routing` then tells it."""
        self.frame.tallies = {}
        try:
            yield
        finally:
            self.frame.watched, self.frame.tallies = self.frame.tallies, None

    def routing(self) -> dict[str, dict[str, Any]]:
        """Tell what the routers did while they were watched, by place: see :meth:`Tally.plain`."""
        tallies = self.frame.tallies if self.frame.tallies is not None else self.frame.watched
        return {place: tally.plain() for (name, place), tally in tallies.items() if name == self.name}

    def similarity(self) -> dict[str, list[list[float]]]:
        """Give the cosine of each pair of experts' changes, by place: 1 where two do the same."""
        return {place: experts_alike(rider) for place, rider in self.riders().items() if _pairs(rider)}

    def checkpointing(self) -> None:
        """Turn gradient checkpointing on, so that a repeated layer has the inputs that it had the first time.

        Raises:
            LmloopError: the model cannot.
        """
        if isinstance(self.model, Decoder):
            self.model.model.recompute, self.model.model.repeated = True, self.frame.again
            return
        how = {"use_reentrant": False, "context_fn": self.frame.again}
        for word in ("activation", "gradient"):  # the second is what transformers before version 5 calls it
            enable = getattr(self.model, f"{word}_checkpointing_enable", None)
            if enable is not None:
                enable(**{f"{word}_checkpointing_kwargs": how})
                return
        raise LmloopError("this model has no gradient checkpointing")

    def remove(self) -> None:
        """Take the adapter off; a module without any is what it was before."""
        for one in seats(self.model):
            if self.name in one.adapters:
                del one.adapters[self.name]
                if not one.adapters:
                    unseat(one)
        gates = getattr(self.model, GATES, None)
        if gates is not None and self.name in gates:
            del gates[self.name]
            if not gates:
                delattr(self.model, GATES)
        if self.frame.inputs.active == self.name:
            self.frame.inputs = replace(self.frame.inputs, active=None)


def is_of_adapter(name: str) -> bool:
    """Say whether a model's weight is an adapter's, by its name."""
    return ".adapters." in name or f"{GATES}." in name


def experts_alike(rider: Rider) -> list[list[float]]:
    """Give the cosines between the changes B_e A_e of all its linears, from products in their rank spaces alone."""
    gram = torch.stack([_products(A.detach().float(), B.detach().float()) for A, B in _pairs(rider)]).sum(0)
    length = gram.diagonal().clamp_min(1e-30).sqrt()
    return [[round(value, 4) for value in row] for row in (gram / length[:, None] / length[None]).tolist()]


def _products(A: Tensor, B: Tensor) -> Tensor:
    inner = torch.einsum("eri,fsi->efrs", A, A) * torch.einsum("ero,fso->efrs", B, B)
    return inner.sum((2, 3))


def _pairs(rider: Rider) -> list[tuple[Tensor, Tensor]]:
    """Give the low-rank pairs of a rider, if it has several experts."""
    if isinstance(rider, LowRankRider):
        return [(rider.A, rider.B)] if rider.site.experts > 1 else []
    if isinstance(rider, FeedForwardRider):
        named = [(rider.A_gate, rider.B_gate), (rider.A_up, rider.B_up), (rider.A_down, rider.B_down)]
        return [(A, B) for A, B in named if A is not None and B is not None]
    return []


def refuse_reentrant(model: nn.Module) -> None:
    """Refuse checkpoints that run without a graph the first time: routing losses would have no gradient.

    Raises:
        LmloopError: the model has such.
    """
    for module in model.modules():
        function = getattr(module, "_gradient_checkpointing_func", None)
        settings = function.keywords if isinstance(function, partial) else {}
        if getattr(module, "gradient_checkpointing", False) and settings.get("use_reentrant"):
            raise _reentrant()


def _reentrant() -> LmloopError:
    return LmloopError(
        "routing losses have no gradient: a layer was computed in a reentrant checkpoint",
        hint="turn gradient checkpointing on with use_reentrant=False, or by the adapter's own checkpointing()",
    )


def _has_router(rider: Rider) -> bool:
    return isinstance(getattr(rider, "router", None), TokenRouter)


def _setting(rider: Rider) -> Router:
    return cast(TokenRouter, rider.router).setting
