"""Carrying a learning rate from a narrow model to a wide one: the maximal update parametrisation.

Yang et al. 2022, "Tensor Programs V", table 8. Beside a model of the ``base_width``, one k times as wide has inner
matrices that begin sqrt(k) times smaller and learn k times slower under Adam, and logits that are k times smaller; the
embedding is the same. The factor of the logits stands in the last norm's weights, which change under Adam as if it
stood behind them, so that a model stays one in Hugging Face's form. Muon's steps are orthogonal matrices of a
size that already grows with the root of the width, so they only shrink with that root.

Two things differ from the paper. Attention is scaled by the root of a head's width and not by the width: heads
keep their width here while models grow, and their queries and keys are normalised. And decay is multiplied by what the
rate is divided by, so that weights decay as fast at any width (Wang and Aitchison 2024, "How to set AdamW's weight
decay as you scale model and dataset size").
"""

from dataclasses import dataclass
from typing import Any

from lmloop.nn.training import Update

OUTER = ("embed_tokens.weight", "lm_head.weight")
LAST_NORM = "model.norm.weight"


@dataclass(frozen=True, slots=True)
class Factors:
    """By what to multiply the learning rate: of inner matrices, and of the last norm."""

    inner: float = 1.0
    last: float = 1.0


def factors(model: Any, update: Update) -> Factors:
    """Give the factors for a decoder; all are 1 without a base width."""
    if not update.base_width:
        return Factors()
    ratio = update.base_width / model.shape.width
    return Factors(ratio**0.5 if update.optimizer == "muon" else ratio, ratio)


def spread(model: Any, base_width: int) -> None:
    """Bring a decoder's fresh weights to the sizes that go with a base width; at that width nothing changes."""
    ratio = (base_width or model.shape.width) / model.shape.width
    for name, weight in model.named_parameters():
        if name == LAST_NORM:
            weight.data.mul_(ratio)
        elif weight.ndim >= 2 and not name.endswith(OUTER):
            weight.data.mul_(ratio**0.5)
