"""Which weights which optimizer changes, and which of them decay."""

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer

from lmloop.nn.muon import Muon
from lmloop.nn.training import Update

OUTER = ("embed_tokens.weight", "lm_head.weight")


def optimizers(model: nn.Module, update: Update) -> list[Optimizer]:
    """Make the optimizers of a model: AdamW, or Muon for the inner matrices and AdamW for the rest.

    Only inner matrices decay. Embeddings do not: a rare token's row would shrink with every step that it is not in;
    norms and biases do not, because nothing grows there that decay should hold.
    """
    named = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    inner = [weight for name, weight in named if weight.ndim >= 2 and not name.endswith(OUTER)]
    others = [weight for name, weight in named if weight.ndim < 2 or name.endswith(OUTER)]
    rate, decay = update.learning_rate, update.weight_decay
    if update.optimizer == "muon":
        return [Muon(inner, rate, weight_decay=decay), adamw([{"params": others, "weight_decay": 0.0}], update)]
    groups = [{"params": inner, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return [adamw([group for group in groups if group["params"]], update)]


def set_rate(all_of_them: Iterable[Optimizer], rate: float) -> None:
    """Set the learning rate; a group of weights may have a ``factor`` of it."""
    for optimizer in all_of_them:
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("factor", 1.0)


def adamw(groups: list[dict[str, Any]], update: Update) -> AdamW:
    """AdamW (Loshchilov and Hutter 2019); the fused kernel, but for weights that are spread over CPU ranks."""
    weights = [weight for group in groups for weight in group["params"]]
    fused = not any(hasattr(weight, "full_tensor") and weight.device.type == "cpu" for weight in weights)
    betas = (update.beta1, update.beta2)
    return AdamW(groups, lr=update.learning_rate, betas=betas, fused=fused)
