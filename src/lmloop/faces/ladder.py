"""A ladder of trainings for a budget: which sizes on how much data, and the recipe that runs them.

Four amounts of data for each size, ten to the half apart (1.5 decades), and sizes over 1.5 decades or more. The two
smallest amounts are trainings of their own; the next is a branch of the largest: it leaves the trunk while the learning
rate is flat, and only decays (Hägele et al. 2024, "Scaling Laws and Compute-Optimal Training Beyond Fixed Training
Durations", section 4). That costs a fifth more than the largest amount alone.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import dedent

from lmloop.core.errors import RecipeError
from lmloop.nn.shape import Shape
from lmloop.stages.pretrain import planning
from lmloop.stages.pretrain.settings import ModelTable

SIZES = (
    (1, 32),
    (2, 64),
    (3, 96),
    (4, 128),
    (6, 192),
    (7, 256),
    (8, 384),
    (10, 512),
    (12, 768),
    (16, 1024),
    (20, 1280),
)
"""Layers and width, from small to large."""
SPAN = 10**1.5
SHARES = (10**-1.5, 10**-1.0, 10**-0.5, 1.0)
DECAY = 0.25
COST = 1 + DECAY * SHARES[2] + SHARES[1] + SHARES[0]
LEAST_TOKENS = 3
"""The largest size reads at least so many tokens a parameter in its longest training."""
BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)(?:@(cpu|gpu))?")
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Cell:
    """One training of a ladder; ``branch`` is the step at which it leaves the trunk."""

    name: str
    layers: int
    width: int
    params: int
    tokens: int
    rate: float
    batch: int
    seconds: float
    branch: int | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """What all trainings share: the vocabulary, the context, and the optimizer."""

    vocabulary: int = 2048
    context: int = 128
    optimizer: str = "adamw"


def seconds_of(budget: str) -> float:
    """Read a budget: ``2h@cpu``, ``30min``, ``90s``.

    Raises:
        RecipeError: it is none.
    """
    match = BUDGET.fullmatch(budget.strip())
    if not match or float(match[1]) <= 0:
        raise RecipeError(f"{budget!r} is no budget", hint="write 30min@cpu, 2h@cpu or 8h@gpu")
    return float(match[1]) * SECONDS[match[2]]


def plan(seconds: float, ground: Ground, measure: Callable[[Shape], float]) -> list[Cell]:
    """Choose the largest sizes that the budget feeds; ``measure`` gives the tokens a second of a shape.

    Raises:
        RecipeError: not even the smallest ladder fits.
    """
    shapes = [_shape(layers, width, ground) for layers, width in SIZES]
    rates: dict[Shape, float] = {}
    best: tuple[list[Shape], float] | None = None
    for first in range(len(shapes)):
        rungs = _window(shapes[first:])
        if not rungs or (best is not None and best[1] < LEAST_TOKENS * rungs[-1].parameters):
            break
        for shape in rungs:
            rates[shape] = rates.get(shape) or measure(shape)
        tokens = seconds / (COST * sum(1 / rates[shape] for shape in rungs))
        if best is not None and tokens < LEAST_TOKENS * rungs[-1].parameters:
            break
        best = rungs, tokens
    assert best is not None
    rungs, tokens = best
    if tokens * SHARES[0] < 20 * ground.context:
        raise RecipeError(f"{seconds:.0f} s are too few for a ladder here", hint="give more: --budget 10min@cpu")
    return [cell for shape in rungs for cell in _cells(shape, int(tokens), rates[shape], ground)]


def recipe(cells: Sequence[Cell], ground: Ground, budget: str) -> str:
    """Write the recipe of a ladder: the data of the Python installation, until it is replaced by better."""
    head = f"""\
        # A ladder of {len(cells)} trainings for {budget}, and the law that they follow. Put your own data at the top.
        format = 1
        name = "ladder"
        seed = 7

        [[step]]
        id = "raw"
        use = "ingest"
        reader = "python-docs"

        [[step]]
        id = "clean"
        use = "curate"
        from = ["raw"]
        ops = ["unicode", {{ use = "length", min_characters = 200 }}, "gopher-repetition", "exact", "minhash"]

        [[step]]
        id = "tokenizer"
        use = "tokenizer"
        from = ["clean"]
        vocab_size = {ground.vocabulary}

        [[step]]
        id = "tokens"
        use = "pack"
        from = ["clean", "tokenizer"]
        held = 0.02
        """
    names = ", ".join(f'"{cell.name}"' for cell in cells)
    tail = f"""\
        [[step]]
        id = "law"
        use = "scale"
        from = [{names}]

        [[step]]
        id = "report"
        use = "report"
        from = ["law"]
        title = "What a bigger run would reach"
        """
    return "\n".join([dedent(head), *(_step(cell, ground) for cell in cells), dedent(tail)])


def _step(cell: Cell, ground: Ground) -> str:
    trunk = cell.name.rpartition("-")[0] + f"-d{len(SHARES)}"
    source = f'["tokens", "{trunk}"]\nbranch = {cell.branch}' if cell.branch is not None else '["tokens"]'
    own = round(cell.tokens / cell.batch) - (cell.branch or 0)
    whole = cell.name.endswith(f"d{len(SHARES)}")
    every = max(1, round((1 - DECAY) * SHARES[2] * own)) if whole else max(1, own)
    return dedent(f"""\
        # N = {cell.params:,}, D = {cell.tokens:,}: {cell.seconds:,.0f} s
        [[step]]
        id = "{cell.name}"
        use = "pretrain"
        from = {{source}}
        depth = {cell.layers}
        model = {{{{ width = {cell.width} }}}}
        context = {ground.context}
        tokens = {own * cell.batch}
        batch = {cell.batch}
        optimizer = {{{{ use = "{ground.optimizer}", learning_rate = {cell.rate} }}}}
        schedule = {{{{ warmup = 0.05, decay = {DECAY} }}}}
        evaluate = {{{{ tokens = 40_000, sample_tokens = 0 }}}}
        checkpoints = {{{{ every = {every}, keep = {5 if whole else 1} }}}}
        """).format(source=source)


def _cells(shape: Shape, tokens: int, rate: float, ground: Ground) -> list[Cell]:
    """List a size's trainings, the trunk before its branch."""
    learning = planning.learning_rate(shape.width, False)
    found = []
    for number in (1, 2, 4, 3):
        share = SHARES[number - 1]
        counted = SHARES[3] if number == 3 else share
        batch = planning.rows_of(int(tokens * counted), ground.context, None, 1) * ground.context
        steps = max(4, round(tokens * share / batch))
        trunk = max(4, round(tokens / batch))
        branch = max(1, round((1 - DECAY) * SHARES[2] * trunk)) if number == 3 else None
        spent = (steps - (branch or 0)) * batch / rate
        name = f"n{SIZES.index((shape.layers, shape.width)) + 1}-d{number}"
        found.append(
            Cell(name, shape.layers, shape.width, shape.parameters, steps * batch, learning, batch, spent, branch)
        )
    return found


def _shape(layers: int, width: int, ground: Ground) -> Shape:
    return planning.shape_of(layers, ground.context, ground.vocabulary, ModelTable(width=width))


def _window(shapes: Sequence[Shape]) -> list[Shape]:
    """Take sizes from the first on until they span 1.5 decades; none if they never do."""
    for count in range(4, len(shapes) + 1):
        if shapes[count - 1].parameters >= SPAN * shapes[0].parameters:
            return list(shapes[:count])
    return []
