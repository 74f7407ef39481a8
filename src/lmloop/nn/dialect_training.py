"""Adapters that learn dialects: a tiny base that knows its own names, and one adapter trained on others beside it.

Shape letters: B rows, T places.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from lmloop.core.draft import draft
from lmloop.core.method import build_method
from lmloop.nn.adapters.adapted import Adapted
from lmloop.nn.adapters.attach import attach
from lmloop.nn.decoder import Decoder, seeded
from lmloop.nn.dialects import LENGTH, Dialects, Ints
from lmloop.nn.shape import Shape
from lmloop.nn.speed import one_thread

BASE_STEPS, BASE_RATE, BASE_ROWS, BASE_LOSS = 400, 3e-3, 128, 0.005
WARMUP, CLIP = 20, 1.0


@dataclass(frozen=True, slots=True)
class Training:
    """One training of one adapter, by the study's arm and the repetition.

    ``dialects`` (1 to that number) are learnt, in ``steps`` steps of ``rows`` rows, at a ``rate`` that falls to 0.
    A share ``practised`` of the rows asks for the base's own names, of the first half of all things; the probe asks for
    those of the other half. At ``looks`` steps it is measured how it stands.
    """

    name: str
    method: Mapping[str, Any]
    dialects: int
    repeat: int
    world: Dialects
    base: Path
    depth: int
    steps: int
    rows: int
    rate: float
    practised: float = 0.0
    looks: int = 10
    size: int = 1_000_000


@dataclass(slots=True)
class Course:
    """How a training went, a value for each look; shares are of 1.

    ``right`` are names in the learnt dialects, ``kept`` the base's own names. ``load`` is the largest share that an
    expert has, ``spread`` the entropy of the load (1 is even), ``own`` the weight that rows of the base's dialect give
    to the first half of the experts less that which all others give: means over all routers.
    """

    steps: list[int] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)


def shape_of(world: Dialects, depth: int) -> Shape:
    """Give the base's shape: width 64, two heads."""
    return Shape(
        vocabulary=world.vocabulary,
        layers=depth,
        width=64,
        heads=2,
        kv_heads=2,
        head_width=32,
        hidden=128,
        context=LENGTH + 1,
        tied=False,
    )


def trained_weights(shape: Shape, method: Mapping[str, Any]) -> int:
    """Count what a method trains on a model of this shape."""
    return attach(seeded(shape, 0), build_method(dict(method))).trainable


def learn_base(world: Dialects, depth: int, path: Path) -> None:
    """Teach a fresh decoder the base's own dialect, and leave its weights in a file."""
    model, chance = seeded(shape_of(world, depth), world.seed), np.random.default_rng([world.seed, 2])
    optimizer = torch.optim.AdamW(model.parameters(), BASE_RATE, weight_decay=0.0)
    names = world.names(0)
    with one_thread():
        for _ in range(BASE_STEPS):
            thing = chance.integers(0, world.things, BASE_ROWS)
            loss = _loss(model, world.rows(0 * thing, thing, chance), names[0, thing])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if float(loss.detach()) < BASE_LOSS:
                break
    with draft(path) as place:
        save_file(model.state_dict(), place)


def learn(training: Training) -> dict[str, Any]:
    """Train an adapter; give its size and its course as JSON."""
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.repeat)
        model = seeded(shape_of(training.world, training.depth), 0)
        model.load_state_dict(load_file(training.base))
        adapted = attach(model, build_method(dict(training.method)), training.repeat)
        course = _train(training, model, adapted)
    return {"trained": adapted.trainable, **{name: getattr(course, name) for name in Course.__slots__}}


def _train(training: Training, model: Decoder, adapted: Adapted) -> Course:
    world, names, course = training.world, training.world.names(training.repeat), Course()
    chance = np.random.default_rng([world.seed, training.repeat, 3])
    optimizer = torch.optim.AdamW(adapted.groups(training.rate))
    every = max(1, training.steps // training.looks)
    model.train()
    for step in range(training.steps):
        if step % every == 0:
            _look(training, model, adapted, course, step)
        dialect, thing = _draw(training, chance)
        adapted.feed(tasks=torch.from_numpy(dialect))
        loss = _loss(model, world.rows(dialect, thing, chance), names[dialect, thing]) + adapted.aux_loss()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(adapted.parameters(), CLIP)
        for group in optimizer.param_groups:
            warm = min(1.0, (step + 1) / WARMUP)
            group["lr"] = training.rate * group["factor"] * warm * (1 - step / training.steps)
        optimizer.step()
    _look(training, model, adapted, course, training.steps)
    return course


def _draw(training: Training, chance: np.random.Generator) -> tuple[Ints, Ints]:
    things = training.world.things
    dialect = chance.integers(1, training.dialects + 1, training.rows)
    thing = chance.integers(0, things, training.rows)
    own = chance.random(training.rows) < training.practised
    return np.where(own, 0, dialect), np.where(own, thing % (things // 2), thing)


def _look(training: Training, model: Decoder, adapted: Adapted, course: Course, step: int) -> None:
    """Measure how it stands: every thing in every dialect."""
    world, names = training.world, training.world.names(training.repeat)
    things, chance = np.arange(world.things), np.random.default_rng([world.seed, 4])
    sides = [
        world.all_of(np.arange(1, training.dialects + 1), things),
        world.all_of(np.zeros(1, int), things[world.things // 2 :]),
    ]
    model.eval()
    right = []
    with torch.no_grad(), adapted.watching():
        for dialect, thing in sides:
            adapted.feed(tasks=torch.from_numpy(dialect))
            logits_BV = model(torch.from_numpy(world.rows(dialect, thing, chance)))[:, -1]
            right.append(float((logits_BV.argmax(-1).numpy() == names[dialect, thing]).mean()))
    model.train()
    course.steps.append(step)
    course.right.append(right[0])
    course.kept.append(right[1])
    _see_routing(list(adapted.routing().values()), course)


def _see_routing(routers: list[dict[str, Any]], course: Course) -> None:
    if not routers:
        return
    course.load.append(float(np.mean([max(router["load"]) for router in routers])))
    course.spread.append(float(np.mean([router["load_entropy"] for router in routers])))
    gaps = []
    for router in routers:
        half = {task: sum(load[: len(load) // 2]) for task, load in router["tasks"].items()}
        others = [share for task, share in half.items() if task != 0]
        gaps.append(half[0] - float(np.mean(others)))
    course.own.append(float(np.mean(gaps)))


def _loss(model: Decoder, tokens_BT: Ints, name_B: Ints) -> Tensor:
    """Give the cross entropy of what follows the last place."""
    return F.cross_entropy(model(torch.from_numpy(tokens_BT))[:, -1], torch.from_numpy(name_B))
