"""Several LoRAs on one base: a step of each in turn, beside one batch with the rows of all.

Run it with ``python benchmarks/several_adapters.py``. In the batch each frozen product is computed once for the rows of
all adapters, and each adapter's products for its own rows; in turn, which is what lmloop does, each adapter passes the
base by itself. A step is forward, backward and AdamW of all adapters, fp32, one thread; the two ways alternate, and the
figure is the ratio of their median processor times. The last line is for preferences: steps of DPO with what the bare
base says computed once for all adapters, beside anew for each. ``--base FOLDER`` prints the most memory that a process
held which opened that model and passed 4 rows of 128 tokens through each of its adapters, forward and backward.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lmloop.core.method import Method
from lmloop.core.part import build
from lmloop.core.rows import Rows
from lmloop.nn.adapters import seat as seats
from lmloop.nn.adapters.adapted import Adapted
from lmloop.nn.adapters.attach import attach
from lmloop.nn.decoder import Decoder, seeded
from lmloop.nn.goals.settings import Dpo, Sft
from lmloop.nn.policy import Policy
from lmloop.nn.recalled import Recalled
from lmloop.nn.shape import from_depth
from lmloop.nn.training import Update
from lmloop.nn.tuned import open_policies
from lmloop.nn.tuning import Tuning

VOCABULARY, LAYERS = 4096, 4
SIZES = ((3, 4, 256, 512), (3, 1, 64, 512), (4, 8, 128, 128), (4, 1, 64, 128))
"""Adapters, rows, tokens of a row, width of the base."""


class Joint(torch.autograd.Function):
    """A frozen matrix times the rows of all adapters, with each one's own change on its own rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, *pairs: Tensor) -> Tensor:
        """Give all outputs; ``pairs`` are A and B of each adapter by turns."""
        out = x @ weight.T
        ranks = [part @ A.T for part, A in zip(x.chunk(len(pairs) // 2), pairs[0::2], strict=True)]
        for part, low, B in zip(out.chunk(len(ranks)), ranks, pairs[1::2], strict=True):
            part.addmm_(low, B)
        ctx.save_for_backward(x, weight, *pairs, *ranks)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of the input and of each pair."""
        x, weight, *rest = ctx.saved_tensors
        count = len(rest) // 3
        pairs, ranks = rest[: 2 * count], rest[2 * count :]
        g = grads[0].contiguous()
        g_x, found = g @ weight, []
        parts = zip(g.chunk(count), x.chunk(count), g_x.chunk(count), ranks, pairs[0::2], pairs[1::2], strict=True)
        for g_part, x_part, g_x_part, low, A, B in parts:
            g_low = g_part @ B.T
            found += [g_low.T @ x_part, low.T @ g_part]
            g_x_part.addmm_(g_low, A)
        return g_x, None, *found


def divided(seat: Any, x: Tensor, active: tuple[str, ...]) -> Tensor:
    """Stand in for a seat's way of dividing a batch among adapters."""
    pairs = []
    for name in dict.fromkeys(active):
        rider = seat.adapters[name]
        pairs += [rider.A.flatten(0, 1) * rider.site.scale, rider.B.flatten(0, 1)]
    out = Joint.apply(x.reshape(-1, x.shape[-1]), seat.weight, *pairs)  # type: ignore[no-untyped-call]
    return cast(Tensor, out.view(*x.shape[:-1], -1))


def base(width: int, length: int) -> Decoder:
    """Make a Llama-like base."""
    heads = width // 64
    shape = replace(from_depth(LAYERS, VOCABULARY, length), width=width, heads=heads, kv_heads=heads, head_width=64)
    return seeded(replace(shape, hidden=int(width * 2.75) // 16 * 16), 0).train()


def put(model: Decoder, count: int) -> list[Adapted]:
    """Put LoRAs of several ranks on a base; B is no longer 0."""
    names = [(f"a{n}", {"use": "lora", "rank": 8 * (n + 1), "dropout": 0.0}) for n in range(count)]
    found = [attach(model, cast(Method, build("methods", spec)), 0, name) for name, spec in names]
    for weight in (weight for one in found for weight in one.parameters()):
        if not weight.any():
            torch.nn.init.normal_(weight, 0.0, 0.01)
    return found


def batches(count: int, rows: int, length: int, width: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """Give a step in turn, and one of the rows of all."""
    model = base(width, length)
    adapters = put(model, count)
    tokens = torch.randint(0, VOCABULARY, (rows, length))
    optimizer = torch.optim.AdamW([w for one in adapters for w in one.parameters()], lr=1e-4, fused=True)
    plain = seats.Seat._divided

    def learn(texts: Tensor, share: int) -> None:
        adapters[0].feed(torch.ones_like(texts, dtype=torch.bool))
        loss: Any = F.cross_entropy(model(texts).flatten(0, 1), texts.flatten()) * share
        loss.backward()

    def changed() -> None:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def in_turn() -> None:
        for one in adapters:
            with one.active(one.name):
                learn(tokens, 1)
        changed()

    def at_once() -> None:
        seats.Seat._divided = divided  # type: ignore[assignment, method-assign]
        with adapters[0].active([one.name for one in adapters for _ in range(rows)]):
            learn(tokens.repeat(count, 1), count)
        seats.Seat._divided = plain  # type: ignore[method-assign]
        changed()

    return in_turn, at_once


def preferences(count: int, rows: int, length: int, width: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """Give a step of DPO that asks the bare base for each adapter, and one that asks it once."""
    model = base(width, length)
    policies = [Policy(model, one) for one in put(model, count)]
    tunings = [Tuning(policy, Dpo()) for policy in policies]
    optimizer = torch.optim.AdamW([w for one in policies if one.adapted for w in one.adapted.parameters()], lr=1e-4)
    chance = np.random.default_rng(0)

    def step(recalled: Recalled | None) -> None:
        tokens = chance.integers(0, VOCABULARY, (2 * rows, length))
        zeros = np.zeros_like(tokens)
        part = Rows(tokens, tokens, zeros + np.arange(length), zeros, {"units": np.ones(2 * rows, np.int64)})
        for policy, tuning in zip(policies, tunings, strict=True):
            policy.recalled = recalled
            with policy.working():
                tuning(*tuning.arguments(part, torch.device("cpu")))[0].backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return lambda: step(None), lambda: step(Recalled())


def ratio(ways: tuple[Callable[[], None], Callable[[], None]], rounds: int) -> str:
    """Time two ways by turns; say the second's time by the first's."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for way, taken in zip(ways, seconds, strict=True):
            start = time.process_time()
            way()
            if number:
                taken.append(time.process_time() - start)
    one, other = map(median, seconds)
    return f"{one:7.3f} s {other:7.3f} s    {other / one:.2f} / {min(seconds[1]) / min(seconds[0]):.2f}"


def most_memory(folder: str, count: int) -> int:
    """Give the bytes that this process held at most after all adapters had a turn on a model."""
    torch.set_num_threads(1)
    spec = {f"a{n}": cast(Method, build("methods", {"use": "lora", "rank": 8 * (n + 1)})) for n in range(count)}
    for policy in open_policies(Path(folder), spec, 0).values():
        tokens = np.zeros((4, 128), np.int64)
        part = Rows(tokens, tokens, tokens + np.arange(128), tokens, {})
        tuning = Tuning(policy, Sft())
        with policy.working():
            tuning(*tuning.arguments(part, torch.device("cpu")))[0].backward()
        tuning.optimizers(Update())[0].step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--base", default="")
    options = parser.parse_args()
    rounds = options.rounds
    if options.base:
        for number in (1, 3):
            with get_context("spawn").Pool(1) as pool:
                held = pool.apply(most_memory, (options.base, number))
            print(f"{number} adapters on {options.base}: {held / 1e9:.2f} GB")
        return
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {LAYERS} layers, load {os.getloadavg()[0]:.0f}; ratio of median / least")
    print("adapters  rows  tokens  width    in turn   all at once")
    for count, rows, length, width in SIZES:
        print(f"{count:8}  {rows:4}  {length:6}  {width:5}  {ratio(batches(count, rows, length, width), rounds)}")
    print("DPO                             each anew    asked once")
    count, rows, length, width = 3, 2, 128, 256
    print(f"{count:8}  {rows:4}  {length:6}  {width:5}  {ratio(preferences(count, rows, length, width), rounds)}")


if __name__ == "__main__":
    main()
