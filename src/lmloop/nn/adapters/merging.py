"""Adapters written into the weights that they sit on, and taken out again.

Shape letters: O outputs, I inputs, E experts.
"""

from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from lmloop.core.errors import LmloopError
from lmloop.nn.adapters.adapted import Adapted
from lmloop.nn.adapters.lowrank import LowRankRider, matrix
from lmloop.nn.adapters.nf4 import Linear4
from lmloop.nn.adapters.rescale import RescaleRider
from lmloop.nn.adapters.seat import Rider, plain_class


@dataclass(frozen=True, slots=True)
class Merged:
    """What :func:`unmerge` needs: the weights as they were, by place."""

    before: dict[str, tuple[Tensor, Tensor | None]]


def merge(adapted: Adapted, task: int | None = None) -> Merged:
    """Write an adapter into the base's weights and switch it off: the model computes the same without its cost.

    ``task`` is whose weights an adapter that weighs by task is merged for. The weights as they were are kept.

    Raises:
        LmloopError: the adapter weighs its experts anew for each token, or the base is kept in four bits.
    """
    changed = merged_weights(adapted, task)
    before: dict[str, tuple[Tensor, Tensor | None]] = {}
    for place in changed:
        if plain_class(adapted.model.get_submodule(place)) is Linear4:
            raise LmloopError(
                "a base in four bits cannot take an adapter in", hint="export the merged model: it is unfolded there"
            )
    with torch.no_grad():
        for place, (weight, bias) in changed.items():
            linear = cast(nn.Linear, adapted.model.get_submodule(place))
            before[place] = (linear.weight.detach().clone(), None if linear.bias is None else linear.bias.clone())
            linear.weight.copy_(weight)
            if bias is not None:
                linear.bias.copy_(bias)
    adapted.frame.inputs = replace(adapted.frame.inputs, active=None)
    return Merged(before)


def unmerge(adapted: Adapted, merged: Merged) -> None:
    """Give the base the very weights back that it had, and switch the adapter on."""
    with torch.no_grad():
        for place, (weight, bias) in merged.before.items():
            linear = cast(nn.Linear, adapted.model.get_submodule(place))
            linear.weight.copy_(weight)
            if bias is not None:
                linear.bias.copy_(bias)
    adapted.frame.inputs = replace(adapted.frame.inputs, active=adapted.name)


def merged_weights(adapted: Adapted, task: int | None = None) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Give the matrix (O, I) and the bias of each place with the adapter in them, computed in float32.

    Raises:
        LmloopError: the adapter weighs its experts anew for each token.
    """
    gates_E = task_gates(adapted, task)
    found = {}
    with torch.no_grad():
        for place, rider in adapted.riders().items():
            refuse_routed(adapted, rider)
            linear = adapted.model.get_submodule(place)
            plain, bias = matrix(linear), cast("Tensor | None", getattr(linear, "bias", None))
            weight = plain.to(torch.promote_types(plain.dtype, torch.float32))
            if isinstance(rider, LowRankRider):
                weight = weight + rider.delta(gates_E)
                if rider.magnitude is not None:
                    weight = weight * (rider.magnitude / torch.linalg.norm(weight, dim=1))[:, None]
            else:
                weight, bias = _rescaled(cast(RescaleRider, rider), weight, bias)
            found[place] = (weight.to(plain.dtype), bias)
    return found


def task_gates(adapted: Adapted, task: int | None) -> Tensor | None:
    """Give the weights of the experts (E) for one task; None where they do not hang on it.

    Raises:
        LmloopError: a task is needed and was not given.
    """
    gate = adapted.gate()
    if gate is None:
        return None
    if task is None:
        raise LmloopError("this adapter weighs its experts by task", hint="say which task it is merged for")
    with torch.no_grad():
        return gate.of(torch.tensor(task, device=gate.table.device))


def refuse_routed(adapted: Adapted, rider: Rider) -> None:
    """Refuse what has no fixed weights.

    Raises:
        LmloopError: a router weighs its experts anew for each token.
    """
    if getattr(rider, "router", None) is not None or not isinstance(rider, LowRankRider | RescaleRider):
        raise LmloopError(
            f"{adapted.method.name()} weighs its experts anew for each token: no fixed weights are equal to it",
            hint="distil it into one LoRA, take one expert out, or keep it as an adapter",
        )


def _rescaled(rider: RescaleRider, weight: Tensor, bias: Any) -> tuple[Tensor, Any]:
    factors = rider.factors()
    if rider.site.side == "input":
        return weight * factors[None], bias
    return weight * factors[:, None], None if bias is None else bias * factors.to(bias.dtype)
