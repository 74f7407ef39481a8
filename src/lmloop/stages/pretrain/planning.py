"""From a few settings to all the numbers of a training: what follows from depth, parameters and tokens."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lmloop.core.errors import DataError, RecipeError, closest
from lmloop.kernels.order import Curve
from lmloop.kernels.packed import Index
from lmloop.nn.schedule import Schedule
from lmloop.nn.shape import Shape, from_depth
from lmloop.nn.tables import ScheduleTable
from lmloop.nn.training import Training
from lmloop.stages.pretrain.settings import ModelTable, WeightCurve

TOKENS_PER_PARAMETER = 20
"""About the compute-optimal ratio (Hoffmann et al. 2022, table 3)."""

EVALUATIONS, CHECKPOINTS = 10, 20
CONTINUED_RATE = 1 / 3
MEGA = 1_000_000


def shape_of(depth: int, context: int, vocabulary: int, table: ModelTable) -> Shape:
    """Work out the shape: the depth decides, and what the table names is taken from there.

    Raises:
        RecipeError: the numbers do not go together.
    """
    said = table.model_dump(exclude_none=True)
    shape = replace(from_depth(depth, vocabulary, context), **said)
    if "width" in said or "heads" in said:
        head = said.get("head_width") or (shape.head_width if "heads" not in said else shape.width // shape.heads)
        heads = said.get("heads") or max(1, shape.width // head)
        share = next(share for share in (4, 3, 2, 1) if heads % share == 0)
        hidden = said.get("hidden") or max(8, 8 * round(shape.width / 3))
        kv = said.get("kv_heads") or heads // share
        shape = replace(shape, head_width=head, heads=heads, kv_heads=kv, hidden=hidden)
    if shape.heads % shape.kv_heads:
        raise RecipeError(f"{shape.heads} heads cannot share {shape.kv_heads} key heads evenly")
    if shape.head_width % 2:
        raise RecipeError(f"heads {shape.head_width} wide cannot be turned: rotary positions need an even number")
    return shape


def learning_rate(width: int, continued: bool) -> float:
    """Give the default rate: 0.003 at width 128, falling as width^(-2/3); a third of it to go on with a trained model.

    A rule of thumb and not measured here: it gives 9e-4 at width 768, about what published models of that size took.
    """
    rate = 3e-3 * (128 / width) ** (2 / 3) * (CONTINUED_RATE if continued else 1.0)
    return float(f"{rate:.3g}")


def rows_of(tokens: int, context: int, batch: int | None, ranks: int) -> int:
    """Give the rows of a step: of ``batch`` tokens or, if none is given, of 2,048 for a million tokens in all.

    It grows with the root of the tokens (20 million: 9,000; 2 billion: 92,000), as the batch that is still worth its
    tokens does (McCandlish et al. 2018; Zhang et al. 2025, "How does critical batch size scale").
    """
    wanted = batch or 2048 * math.sqrt(max(tokens, 1) / MEGA)
    return max(1, round(wanted / context / ranks)) * ranks


def schedule_of(table: ScheduleTable, steps: int, annealing: bool) -> Schedule:
    """Make the schedule; a branch from a checkpoint only decays."""
    return Schedule("wsd", steps, 0, steps, table.floor) if annealing else table.schedule(steps)


def weights_of(mixture: Mapping[str, WeightCurve], sizes: Mapping[str, int]) -> dict[str, Curve]:
    """Give each source its weight over time; by default as many tokens as it has, so that all are read equally often.

    A name of the mixture is a source's, or that of an input, whose sources then share it by their tokens.

    Raises:
        RecipeError: a name is of none of the sources.
    """
    if not mixture:
        return {source: [(0.0, float(size))] for source, size in sizes.items()}
    found: dict[str, Curve] = {}
    for name, weight in mixture.items():
        members = [source for source in sizes if source == name or source.startswith(f"{name}/")]
        if not members:
            raise RecipeError(f"mixture: there is no source {name!r}", hint=closest(name, sizes))
        total = sum(sizes[source] for source in members)
        points = sorted(weight) if isinstance(weight, list) else [(0.0, float(weight))]
        for source in members:
            found[source] = [(x, y * sizes[source] / total) for x, y in points]
    if not any(y > 0 for points in found.values() for _, y in points):
        raise RecipeError("mixture: all weights are zero")
    return found


def held_tokens(training: Training) -> int:
    """Give on how many tokens of each source to measure: a hundredth of the training's, from 4,096 to 200,000."""
    return min(200_000, max(4096, training.steps * training.tokens_per_step // 100))


def check_start(folder: Path, shape: Shape, index: Index, digest: str | None) -> None:
    """See that a model reads tokens as they were packed.

    Raises:
        DataError: its tokenizer is another, or its embedding has too few rows.
    """
    if digest is not None and digest != index.tokenizer:
        raise DataError(
            f"the tokens were packed with another tokenizer ({index.tokenizer}) than the model's ({digest})",
            hint=f"pack them with the tokenizer in {folder}",
        )
    if shape.vocabulary < index.vocabulary:
        raise DataError(
            f"the model knows {shape.vocabulary} tokens, but the tokens were packed with {index.vocabulary}"
        )


def said_before(shape: Shape, training: Training, sources: Sequence[str]) -> list[str]:
    """Say what is going to be trained: parameters, tokens, operations and memory."""
    tokens = training.steps * training.tokens_per_step
    flops = tokens * shape.flops_per_token(training.context)
    kept = shape.parameters * 16
    return [
        f"  model: {shape.layers} layers of width {shape.width}, {shape.heads} heads ({shape.kv_heads} for keys), "
        f"vocabulary {shape.vocabulary:,}: {shape.parameters / MEGA:.2f} million parameters",
        f"  training: {training.steps:,} steps of {training.tokens_per_step:,} tokens = {tokens / MEGA:.2f} million "
        f"({tokens / shape.parameters:.1f} a parameter) from {', '.join(sources)}; {flops:.2g} operations; "
        f"{kept / MEGA:,.0f} MB for weights, gradients and optimizer",
    ]
