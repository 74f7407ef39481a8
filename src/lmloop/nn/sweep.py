"""A short training that only its losses are wanted of: one of many, to see what a setting does."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import repeat

import torch
from torch import Tensor, nn

from lmloop.core.rows import Batches
from lmloop.nn.decoder import Decoder, seeded
from lmloop.nn.objective import Objective, on_device
from lmloop.nn.optimizer import optimizers, set_rate
from lmloop.nn.schedule import Schedule
from lmloop.nn.shape import Shape
from lmloop.nn.training import Update
from lmloop.nn.transfer import spread

WARM_SHARE = 0.1
CPU = torch.device("cpu")


def losses(shape: Shape, update: Update, batches: Batches, steps: int, seed: int) -> Iterator[float]:
    """Train afresh on the CPU in float32, with a cosine after a short warm-up; give each step's loss in nats a token.

    It ends early once the loss is no number.
    """
    model = _fresh(shape, update, seed)
    schedule = Schedule("cosine", steps, round(WARM_SHARE * steps), 0, 0.1)
    for loss in _steps(model, update, batches, map(schedule.factor, range(steps))):
        yield loss
        if math.isnan(loss):
            return


def movement(shape: Shape, update: Update, batches: Batches, steps: int, seed: int) -> dict[str, float]:
    """Measure how far a few steps move what stands behind the layers and the logits, as a root mean square.

    In the maximal update parametrisation both are the same at any width (the coordinate check of Yang et al. 2022,
    appendix D.1); in the usual one they grow with it. The rate stays the same, and no gradient is clipped.
    """
    model, update = _fresh(shape, update, seed), replace(update, clip=math.inf)
    tokens_BT = on_device(batches.batch(0), CPU)[0]
    before = _behind(model, tokens_BT)
    for _ in _steps(model, update, batches, repeat(1.0, steps)):
        pass
    after = _behind(model, tokens_BT)
    return {name: float((after[name] - before[name]).square().mean().sqrt()) for name in before}


def _fresh(shape: Shape, update: Update, seed: int) -> Decoder:
    model = seeded(shape, seed)
    spread(model, update.base_width)
    return model


def _steps(model: Decoder, update: Update, batches: Batches, factors: Iterable[float]) -> Iterator[float]:
    """Train a step at each factor of the learning rate; give the loss of each in nats a token."""
    objective, changing = Objective(model, update.z_loss), optimizers(model, update)
    for step, factor in enumerate(factors):
        rows = batches.batch(step)
        loss, cross = objective(*on_device(rows, CPU))
        (loss / rows.valid).backward()
        nn.utils.clip_grad_norm_(model.parameters(), update.clip)
        set_rate(changing, update.learning_rate * factor)
        for optimizer in changing:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        yield float(cross.sum()) / rows.valid


@torch.no_grad()
def _behind(model: Decoder, tokens_BT: Tensor) -> dict[str, Tensor]:
    """Give what stands behind the layers, [B, T, width], and the logits, [B, T, vocabulary]."""
    found: dict[str, Tensor] = {}

    def keep(layer: nn.Module, given: object, out: Tensor) -> None:
        found["stream"] = out.clone()

    handle = model.model.layers[-1].register_forward_hook(keep)
    found["logits"] = model(tokens_BT)
    handle.remove()
    return found
