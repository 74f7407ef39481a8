"""Which weights which optimizer changes, and which of them decay."""

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer

from lmloop.nn.muon import Muon
from lmloop.nn.training import Update
from lmloop.nn.transfer import LAST_NORM, OUTER, factors


def optimizers(model: nn.Module, update: Update) -> list[Optimizer]:
    """Make the optimizers of a model: AdamW, or Muon for the inner matrices and AdamW for the rest.

    Only inner matrices decay. Embeddings do not: a rare token's row would shrink with every step that it is not in;
    norms and biases do not, because nothing grows there that decay should hold. With a base width, rates differ by
    what a weight does.
    """
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    scale = factors(model, update)
    inner, last, others = list[Any](), list[Any](), list[Any]()
    for name, weight in named:
        outside = weight.ndim < 2 or name.endswith(OUTER)
        (last if name == LAST_NORM and update.base_width else others if outside else inner).append(weight)
    matrices = {"params": inner, "weight_decay": update.weight_decay / scale.inner, "factor": scale.inner}
    rest = [
        {"params": others, "weight_decay": 0.0},
        {"params": last, "weight_decay": 0.0, "factor": scale.last},
    ]
    if update.optimizer == "muon":
        return [Muon([matrices], update.learning_rate), adamw(rest, update)]
    return [adamw([matrices, *rest], update)]


def set_rate(all_of_them: Iterable[Optimizer], rate: float) -> None:
    """Set the learning rate; a group of weights may have a ``factor`` of it."""
    for optimizer in all_of_them:
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("factor", 1.0)


def adamw(groups: list[dict[str, Any]], update: Update) -> AdamW:
    """AdamW (Loshchilov and Hutter 2019); the fused kernel, but for weights that are spread over CPU ranks."""
    groups = [group for group in groups if group["params"]]
    weights = [weight for group in groups for weight in group["params"]]
    fused = not any(hasattr(weight, "full_tensor") and weight.device.type == "cpu" for weight in weights)
    betas = (update.beta1, update.beta2)
    return AdamW(groups, lr=update.learning_rate, betas=betas, fused=fused)
