"""How fast models of some shapes train on this machine: measured, a second or two each."""

import time

import numpy as np
import torch

from lmloop.core.rows import Rows
from lmloop.nn import speed
from lmloop.nn.decoder import seeded
from lmloop.nn.objective import Objective, on_device
from lmloop.nn.optimizer import optimizers
from lmloop.nn.shape import Shape
from lmloop.nn.training import Computing, Update

STEPS = 3


def tokens_per_second(shape: Shape, context: int, rows: int) -> float:
    """Train a few steps on made-up tokens, in the way that is fastest here, and give the tokens of a second.

    On a CPU it is a second of one core's time, which other work on the machine does not disturb.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chance = np.random.default_rng(0)
    tokens = chance.integers(0, shape.vocabulary, (rows, context + 1))
    places = np.broadcast_to(np.arange(context), (rows, context)).copy()
    batch = Rows(tokens[:, :-1].copy(), tokens[:, 1:].copy(), places, np.zeros_like(places))
    objective = Objective(seeded(shape, 0)).to(device)
    computing = speed.choose(objective, batch, Computing(threads=1), device)
    speed.apply(computing, device)
    changing = optimizers(objective.decoder, Update())
    arguments = on_device(batch, device)

    def step() -> None:
        with speed.cast(computing.precision, device):
            loss, _ = objective(*arguments)
        loss.backward()
        for optimizer in changing:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    step()
    if device.type == "cuda":
        return rows * context / min(speed.timed(step, device) for _ in range(STEPS))
    start = time.process_time()
    for _ in range(STEPS):
        step()
    return rows * context * STEPS / (time.process_time() - start)
