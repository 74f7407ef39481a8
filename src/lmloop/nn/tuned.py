"""A policy from a model's folder, and what can be asked of it once it is tuned."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lmloop.core.errors import LmloopError
from lmloop.core.method import Method
from lmloop.core.rows import Rows
from lmloop.nn.adapters.adapted import Adapted, is_of_adapter
from lmloop.nn.adapters.attach import attach
from lmloop.nn.adapters.layout import places
from lmloop.nn.adapters.lowrank import matrix
from lmloop.nn.adapters.merging import refuse_routed
from lmloop.nn.decode import write
from lmloop.nn.decoder import Decoder
from lmloop.nn.goals.settings import Goal
from lmloop.nn.inference.drawing import Drawing
from lmloop.nn.opening import base_of, bearer, goes_on, only_task, open_adapted, open_plain
from lmloop.nn.policy import Policy
from lmloop.nn.recalled import Recalled
from lmloop.nn.shape import Shape
from lmloop.nn.tuning import Tuning


def open_policy(folder: Path, method: Method | None, goal: Goal, seed: int) -> Policy:
    """Open a model with what is tuned on it: a new adapter, all weights, and a head if the goal wants one.

    A mixture of the same method goes on.

    Raises:
        LmloopError: it should, and the goal compares with the model as it was, which would be that without experts.
    """
    if goes_on(folder, method):
        if goal.refers or goal.use == "reward":
            raise LmloopError(
                f"{goal.use} cannot go on with a mixture: with its experts off, it is not the model that it was",
                hint="distil it into one LoRA first (adapter-export)",
            )
        return Policy(*open_adapted(folder, base_of(folder)))
    decoder = open_plain(folder)
    reference = deepcopy(decoder) if method is None and goal.refers else None
    adapted = attach(bearer(decoder), method, seed) if method is not None else None
    if goal.use == "reward":
        decoder.score = nn.Linear(decoder.shape.width, 1, bias=False)
        nn.init.zeros_(decoder.score.weight)
    return Policy(decoder, adapted, reference)


def open_policies(folder: Path, methods: Mapping[str, Method], seed: int) -> dict[str, Policy]:
    """Open a model once, with a new adapter on it for each method, under its name; each begins as it would alone.

    What the bare model says is computed once for all. A model that is kept in four bits is so for all of them.

    Raises:
        LmloopError: a name is none, or what lies in the folder cannot be merged.
    """
    decoder, recalled = open_plain(folder), Recalled()
    found = {}
    for name, method in methods.items():
        found[name] = Policy(decoder, attach(bearer(decoder), method, seed, name))
        found[name].recalled = recalled
    return found


def check_merging(policy: Policy, tasks: Sequence[str]) -> None:
    """See that an adapter can be merged when it is tuned.

    Raises:
        LmloopError: its weights hang on the token, or on which of several tasks it is.
    """
    if policy.adapted is not None:
        for rider in policy.adapted.riders().values():
            refuse_routed(policy.adapted, rider)
        only_task(policy.adapted.gate() is not None, tasks)


def sizes(policy: Policy) -> tuple[int, int]:
    """Count the weights that are trained, and those of the bare model."""
    if policy.adapted is None:
        whole = sum(weight.numel() for weight in policy.decoder.parameters() if weight.requires_grad)
        return whole, whole
    named = list(policy.decoder.named_parameters())
    # a new head is trained, and is no adapter's
    head = sum(weight.numel() for name, weight in named if weight.requires_grad and not is_of_adapter(name))
    bare = sum(weight.numel() for name, weight in named if not weight.requires_grad)
    return policy.adapted.trainable + head, bare


def forecast(shape: Shape, method: Method | None) -> tuple[int, int]:
    """Count the weights that a method trains, and those of the model, without making one."""
    with torch.device("meta"):
        decoder = Decoder(shape)
    whole = sum(weight.numel() for weight in decoder.parameters())
    return (whole if method is None else attach(decoder, method).trainable), whole


def weights_a_rank(policy: Policy) -> int:
    """Count the weights of a LoRA of rank 1 on all linears: what tells the rank of one that is as large as another."""
    linears = [place for place in places(bearer(policy.decoder)) if place.part != "block"]
    return sum(sum(matrix(bearer(policy.decoder).get_submodule(place.name)).shape) for place in linears)


def take(policy: Policy, weights: Mapping[str, Tensor]) -> None:
    """Give a policy the weights of another one like it, by name."""
    named = dict(policy.decoder.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            named[name].copy_(value)


@torch.no_grad()
def routing(tuning: Tuning, parts: Iterable[Rows]) -> dict[str, Any]:
    """Pass rows through a model, and tell what its routers did, and how alike its experts are."""
    adapted = tuning.policy.adapted
    assert adapted is not None
    device = next(tuning.decoder.parameters()).device
    tuning.eval()
    with adapted.watching():
        for part in parts:
            tuning(*tuning.arguments(part, device))
    return {"places": adapted.routing(), "similarity": adapted.similarity()}


def replies(policy: Policy, prompts: Sequence[tuple[int, Sequence[int]]], drawing: Drawing) -> list[dict[str, Any]]:
    """Reply to prompts, each with its task's number: the ids written ``before``, without the adapter, and ``after``."""
    found: list[dict[str, Any]] = []
    policy.decoder.eval()
    for task, ids in prompts:
        row: dict[str, Any] = {}
        if policy.adapted is not None:
            policy.adapted.feed(tasks=torch.tensor([task], device=next(policy.decoder.parameters()).device))
            row["before"] = _bare(policy, policy.adapted, ids, drawing)
        row["after"] = write(policy.decoder, [ids], drawing)[0].ids
        found.append(row)
    if policy.adapted is not None:
        policy.adapted.feed()
    return found


def _bare(policy: Policy, adapted: Adapted, ids: Sequence[int], drawing: Drawing) -> Sequence[int]:
    with adapted.active(None):
        return write(policy.decoder, [ids], drawing)[0].ids
