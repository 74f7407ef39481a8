"""What sits where on a model that is tuned: plain descriptions, without a tensor.

A :class:`~lmloop.core.method.Method` reads a model's places and says what sits on which; the floor ``nn`` builds it.
Shape letters in the formulas: E experts, r rank, g gate, s scale.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lmloop.core.errors import RecipeError, closest

GROUPS = ("all", "attention", "ffn")
"""Names for many linears at once, in a method's setting ``targets``."""


@dataclass(frozen=True, slots=True)
class Place:
    """A module of a model that something can sit on.

    ``name`` is its path (``model.layers.0.mlp.up_proj``), ``role`` its own name in the layer (``up_proj``), ``part``
    where it belongs: a linear of the attention or of the feed-forward, or a whole feed-forward ``block``.
    """

    name: str
    role: str
    part: Literal["attention", "ffn", "block"]
    layer: int
    layers: int


@dataclass(frozen=True, slots=True)
class Router:
    """How experts are weighed: ``softmax(W x)`` of each token, or of what task it belongs to.

    ``top_k`` keeps the largest weights and makes their sum one again; without it all experts take part. ``deviation``
    is that of the first weights, normal; without it they are as PyTorch's ``Linear`` begins. ``balance`` names the
    loss and ``strength`` its factor; where there are several routers ``total`` says whether their losses are added or
    averaged. ``tilt`` and ``first_half`` (task ids) belong to the localized loss, ``jitter`` to training.
    A ``task`` router has a table of ``tasks`` rows of ``width`` and is shared by all places.
    """

    reads: Literal["token", "task"] = "token"
    top_k: int | None = None
    deviation: float | None = None
    balance: Literal["none", "switch", "localized"] = "none"
    strength: float = 0.0
    total: Literal["mean", "sum"] = "mean"
    z_strength: float = 0.0
    jitter: float = 0.0
    tilt: float = 0.1
    first_half: tuple[int, ...] = ()
    tasks: int = 0
    width: int = 0


@dataclass(frozen=True, slots=True)
class LowRank:
    """On a linear: ``y + s * sum_e g_e B_e A_e drop(x)``; one expert without a router is LoRA.

    ``deviation`` is that of the first A, normal; without it A begins as PyTorch's ``Linear``. B begins at 0.
    ``magnitude`` learns each output's length apart from its direction (DoRA).
    """

    rank: int
    scale: float
    experts: int = 1
    dropout: float = 0.0
    router: Router | None = None
    deviation: float | None = None
    magnitude: bool = False


@dataclass(frozen=True, slots=True)
class Rescale:
    """On a linear: each value of its output (or input) times ``sum_e g_e l_e``, which begins at 1.

    The router reads the values themselves, with ``per_head`` those of each attention head by itself.
    """

    side: Literal["output", "input"]
    experts: int = 1
    router: Router | None = None
    per_head: bool = False


@dataclass(frozen=True, slots=True)
class Serial:
    """Behind a feed-forward block: ``h + s * sum_e g_e U_e gelu(D_e drop(h))``; the router reads the block's input."""

    width: int
    scale: float
    experts: int
    router: Router
    dropout: float = 0.0


@dataclass(frozen=True, slots=True)
class FeedForwards:
    """Instead of a feed-forward block: the weighed sum of several, each the frozen one plus its own LoRA."""

    rank: int
    scale: float
    experts: int
    router: Router
    dropout: float = 0.0


Site: TypeAlias = LowRank | Rescale | Serial | FeedForwards


def pick(places: Sequence[Place], targets: Sequence[str]) -> list[Place]:
    """Give the linears that ``targets`` name: a group, a role, or a regular expression for the whole path.

    Raises:
        RecipeError: a target names nothing in this model.
    """
    linears = [place for place in places if place.part != "block"]
    wanted: set[str] = set()
    for target in targets:
        found = {place.name for place in linears if _fits(place, target)}
        if not found:
            known = [*GROUPS, *dict.fromkeys(place.role for place in linears)]
            raise RecipeError(f"no linear of this model is called {target!r}", hint=closest(target, known))
        wanted |= found
    return [place for place in linears if place.name in wanted]


def blocks(places: Sequence[Place]) -> list[Place]:
    """Give the feed-forward blocks.

    Raises:
        RecipeError: the model has none that is known.
    """
    found = [place for place in places if place.part == "block"]
    if not found:
        raise RecipeError(
            "this model has no feed-forward block of a known form", hint="use a method that sits on linears"
        )
    return found


def _fits(place: Place, target: str) -> bool:
    if target in GROUPS:
        return target in ("all", place.part)
    try:
        return place.role == target or re.fullmatch(target, place.name) is not None
    except re.error as bad:
        raise RecipeError(f"the target {target!r} is no regular expression: {bad}") from None
