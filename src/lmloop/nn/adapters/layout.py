"""What a decoder is made of: the linears of its layers, and its feed-forward blocks in the forms that are known."""

import re
from dataclasses import dataclass
from typing import Any

from torch import nn

from lmloop.core.errors import DataError
from lmloop.core.sites import Place
from lmloop.nn.adapters.nf4 import Linear4
from lmloop.nn.adapters.seat import plain_class

LAYER = re.compile(r"(?P<stem>(?:.*\.)?(?:layers|h|blocks|block))\.(?P<number>\d+)(?:\.(?P<rest>.+))?")
FORMS: dict[str, tuple[str, ...]] = {
    "gated": ("gate_proj", "up_proj", "down_proj"),
    "gated, other names": ("w1", "w3", "w2"),
    "fused": ("gate_up_proj", "down_proj"),
    "plain": ("fc1", "fc2"),
    "plain, two projections": ("up_proj", "down_proj"),
    "plain, as in GPT-NeoX": ("dense_h_to_4h", "dense_4h_to_h"),
}
"""The names of a feed-forward's linears, in the order gate, up, down; ``fused`` has gate and up in one matrix."""

ACTIVATIONS = ("act_fn", "activation_fn", "activation", "act")


@dataclass(frozen=True, slots=True)
class Form:
    """A feed-forward block's linears: ``gate`` is None where it has none, ``fused`` where it lies before ``up``."""

    gate: str | None
    up: str
    down: str
    fused: bool


def form(block: nn.Module) -> Form | None:
    """Say which form a feed-forward block has; None if it is no block that is known."""
    children = {name for name, child in block.named_modules() if is_linear(child) and "adapters" not in name.split(".")}
    for kind, names in FORMS.items():
        if children == set(names):
            gate = names[0] if kind.startswith("gated") else None
            return Form(gate, names[-2], names[-1], kind == "fused")
    return None


def is_linear(module: nn.Module) -> bool:
    """Say whether adapters know the module as a matrix."""
    return plain_class(module) in (nn.Linear, Linear4)


def activation(block: nn.Module) -> nn.Module | None:
    """Give a block's activation as a module; None where it computes SiLU by itself."""
    return next((module for name in ACTIVATIONS if isinstance(module := getattr(block, name, None), nn.Module)), None)


def places(model: nn.Module) -> list[Place]:
    """List a decoder's places, in the order of its modules: the linears in its layers, and feed-forward blocks.

    Raises:
        DataError: it has no layers with linears.
    """
    found: list[Place] = []
    inside: set[str] = set()
    layers = _layers(model)
    for name, module in model.named_modules():
        match = LAYER.fullmatch(name)
        if match is None or match["stem"] not in layers or match["rest"] is None:
            continue
        layer, count = int(match["number"]), layers[match["stem"]]
        role = name.rpartition(".")[2]
        if form(module) is not None:
            found.append(Place(name, role, "block", layer, count))
            inside.add(name)
        elif is_linear(module) and "adapters" not in match["rest"].split("."):
            in_block = name.rpartition(".")[0] in inside
            found.append(Place(name, role, "ffn" if in_block else "attention", layer, count))
    if not found:
        raise DataError("this model has no layers with linears", hint="adapters sit on decoders built from nn.Linear")
    return found


def head_width(model: nn.Module) -> int:
    """Give the width of an attention head.

    Raises:
        DataError: the model does not say it.
    """
    config: Any = getattr(model, "config", None)
    if (shape := getattr(model, "shape", None)) is not None:
        return int(shape.head_width)
    if (width := getattr(config, "head_dim", None)) is not None:
        return int(width)
    if hasattr(config, "hidden_size") and hasattr(config, "num_attention_heads"):
        return int(config.hidden_size // config.num_attention_heads)
    raise DataError("this model does not say how wide its attention heads are")


def _layers(model: nn.Module) -> dict[str, int]:
    """Find the lists of layers, by their paths, with their lengths; those of vision or audio parts are none."""
    found = {}
    for name, module in model.named_modules():
        stem = LAYER.fullmatch(f"{name}.0")
        if isinstance(module, nn.ModuleList) and stem and stem["stem"] == name and stem["rest"] is None:
            found[name] = len(module)
    return found
