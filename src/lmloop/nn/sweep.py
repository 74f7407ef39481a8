"""A short training that only its losses are wanted of: one of many, to see what a setting does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from lmloop.core.rows import Batches
from lmloop.nn.decoder import seeded
from lmloop.nn.objective import Objective, on_device
from lmloop.nn.optimizer import optimizers, set_rate
from lmloop.nn.schedule import Schedule
from lmloop.nn.shape import Shape
from lmloop.nn.training import Update
from lmloop.nn.transfer import spread

WARM_SHARE = 0.1


@contextmanager
def one_thread() -> Iterator[None]:
    """While open, torch uses one thread: for small matrices, waking others costs more than they help."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def losses(shape: Shape, update: Update, batches: Batches, steps: int, seed: int) -> Iterator[float]:
    """Train afresh on the CPU in float32, with a cosine after a short warm-up; give each step's loss in nats a token.

    It ends early once the loss is no number.
    """
    model = seeded(shape, seed)
    spread(model, update.base_width)
    objective, device = Objective(model, update.z_loss), torch.device("cpu")
    changing = optimizers(model, update)
    schedule = Schedule("cosine", steps, round(WARM_SHARE * steps), 0, 0.1)
    for step in range(steps):
        rows = batches.batch(step)
        loss, cross = objective(*on_device(rows, device))
        (loss / rows.valid).backward()
        nn.utils.clip_grad_norm_(model.parameters(), update.clip)
        set_rate(changing, update.learning_rate * schedule.factor(step))
        for optimizer in changing:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        found = float(cross.sum()) / rows.valid
        yield found
        if found != found:  # noqa: PLR0124  (only what is no number differs from itself)
            return


def movement(shape: Shape, update: Update, batches: Batches, steps: int, seed: int) -> dict[str, float]:
    """Measure how far a few steps move what stands behind the layers and the logits, as a root mean square.

    In the maximal update parametrisation both are the same at any width (the coordinate check of Yang et al. 2022,
    appendix D.1); in the usual one they grow with it.
    """
    model = seeded(shape, seed)
    spread(model, update.base_width)
    rows = on_device(batches.batch(0), torch.device("cpu"))
    before = _stands(model, rows[0])
    _take(model, update, batches, steps)
    behind = _stands(model, rows[0])
    return {name: float((behind[name] - before[name]).square().mean().sqrt()) for name in before}


def _take(model: nn.Module, update: Update, batches: Batches, steps: int) -> None:
    objective, changing = Objective(model, 0.0), optimizers(model, update)  # type: ignore[arg-type]
    set_rate(changing, update.learning_rate)
    for step in range(steps):
        rows = batches.batch(step)
        (objective(*on_device(rows, torch.device("cpu")))[0] / rows.valid).backward()
        for optimizer in changing:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)


@torch.no_grad()
def _stands(model: nn.Module, tokens_BT: torch.Tensor) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    hook: Callable[..., None] = lambda _, __, out: found.__setitem__("stream", out.clone())  # noqa: E731
    handle = model.model.layers[-1].register_forward_hook(hook)  # type: ignore[union-attr,index]
    found["logits"] = model(tokens_BT)
    handle.remove()
    return found
