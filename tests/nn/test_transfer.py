"""A learning rate carried over moves a wide model as far as a narrow one: the coordinate check."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from lmloop.core.rows import Rows
from lmloop.nn.decoder import seeded
from lmloop.nn.optimizer import optimizers
from lmloop.nn.shape import Shape
from lmloop.nn.sweep import losses, movement
from lmloop.nn.training import Update
from lmloop.nn.transfer import LAST_NORM, spread

WIDTHS = (32, 128, 256)


def shape(width: int) -> Shape:
    return Shape(64, 2, width, width // 32, width // 32, 32, 8 * round(width / 3), 32)


@dataclass
class Random:
    """Rows of tokens, each of which hangs on the one before."""

    rows: int = 8

    def batch(self, step: int) -> Rows:
        chance = np.random.default_rng(step)
        ids = np.cumsum(chance.integers(0, 3, (self.rows, 33)), axis=1) % 64
        places = np.broadcast_to(np.arange(32), (self.rows, 32)).copy()
        return Rows(ids[:, :-1], ids[:, 1:].copy(), places, np.zeros_like(places))


def moved(width: int, base: int) -> float:
    update = Update(learning_rate=0.003, base_width=base, weight_decay=0.0)
    return movement(shape(width), update, Random(), 4, seed=0)["logits"]


def test_logits_move_alike_at_any_width_and_more_and_more_without() -> None:
    carried = [moved(width, 32) for width in WIDTHS]
    usual = [moved(width, 0) for width in WIDTHS]
    assert max(carried) / min(carried) < 2
    assert usual[-1] / usual[0] > 2.5


def test_at_the_base_width_nothing_changes() -> None:
    plain, same = Update(learning_rate=0.003), Update(learning_rate=0.003, base_width=32)
    first, second = (list(losses(shape(32), update, Random(), 5, 0)) for update in (plain, same))
    assert first == second


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_matrices_learn_slower_and_decay_as_fast(kind: str) -> None:
    model = seeded(shape(128), 0)
    update = replace(Update(learning_rate=0.01, base_width=32), optimizer=kind)  # type: ignore[arg-type]
    inner = optimizers(model, update)[0].param_groups[0]
    factor = 0.25 if kind == "adamw" else 0.5
    assert inner["factor"] == factor
    assert inner["weight_decay"] * inner["factor"] == pytest.approx(update.weight_decay)


def test_the_factor_of_the_logits_stands_in_the_last_norm() -> None:
    plain, model = seeded(shape(128), 0), seeded(shape(128), 0)
    spread(model, 32)
    named = dict(model.named_parameters())
    assert torch.equal(named[LAST_NORM], torch.full((128,), 0.25))
    inner = "model.layers.0.mlp.up_proj.weight"
    assert torch.allclose(named[inner], dict(plain.named_parameters())[inner] * 0.5)
    embedding = "model.embed_tokens.weight"
    assert torch.equal(named[embedding], dict(plain.named_parameters())[embedding])
