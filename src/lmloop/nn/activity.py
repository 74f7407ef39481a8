"""How many of a feed-forward's activations do nothing: what the last matrix of it is given, token by token.

Two counts. ``zeros`` are activations that are exactly 0: Li et al. 2022, "The Lazy Neuron Phenomenon", count the
others, in feed-forwards with ReLU. SiLU is never 0, and what is "near" 0 hangs on how large the others are, so
``quiet`` has no threshold of its own: the smallest activations of a token that together hold at most the share
``faint`` of the squared length of all. Without them what goes on to the last matrix is off by the root of ``faint``.

Shape letters: N tokens, F width of the feed-forward, L layers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lmloop.core.errors import DataError
from lmloop.core.rows import Rows
from lmloop.nn.checkpoint import WEIGHTS
from lmloop.nn.decoder import Decoder, seeded
from lmloop.nn.objective import Objective, on_device
from lmloop.nn.shape import Shape

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Activity:
    """The shares of activations that are exactly zero, and of those that are quiet, by layer [L]; and the loss."""

    zeros: tuple[float, ...]
    quiet: tuple[float, ...]
    loss: float


def at_checkpoint(shape: Shape, folder: Path) -> Decoder:
    """Open the decoder whose training saved a checkpoint.

    Raises:
        DataError: the checkpoint is damaged, or another model's.
    """
    model = seeded(shape, 0)
    try:
        weights = load_file(folder / WEIGHTS)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight.copy_(weights[name])
    except (OSError, KeyError, RuntimeError, ValueError) as bad:
        raise DataError(f"the checkpoint {folder} cannot be read: {bad}") from None
    return model


@torch.no_grad()
def activity(model: Decoder, rows: Iterable[Rows], faint: float) -> Activity:
    """Count over some rows, whose every place is read; the loss is that of their targets, in nats."""
    layers = model.shape.layers
    zeros, quiet, places = torch.zeros(layers), torch.zeros(layers), 0

    def keep(layer: int) -> Any:
        def seen(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            h_NF = given[0].flatten(0, -2)
            zeros[layer] += (h_NF == 0).float().mean(dim=1).sum()
            quiet[layer] += quiet_share(h_NF, faint).sum()

        return seen

    blocks: Any = model.model.layers
    handles = [layer.mlp.down_proj.register_forward_pre_hook(keep(n)) for n, layer in enumerate(blocks)]
    learner, nats, targets = Objective(model), 0.0, 0
    for part in rows:
        nats += float(learner(*on_device(part, CPU))[1].sum())
        targets += part.valid
        places += part.tokens_BT.size
    for handle in handles:
        handle.remove()
    shares = [tuple((each / places).tolist()) for each in (zeros, quiet)]
    return Activity(shares[0], shares[1], nats / max(targets, 1))


def quiet_share(h_NF: Tensor, faint: float) -> Tensor:
    """Give for each token the share of its activations that are quiet: [N]. All are, where all are 0."""
    squares_NF = h_NF.double().square().sort(dim=1).values
    held_NF = squares_NF.cumsum(dim=1)
    return (held_NF <= faint * held_NF[:, -1:]).double().mean(dim=1)
