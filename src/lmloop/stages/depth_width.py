"""Depth and width: does a model's loss hang on its shape, or only on its size?"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated, ClassVar

from pydantic import Field

from lmloop.core.extras import need
from lmloop.core.kept_rows import KeptRows
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.windows import evenly
from lmloop.nn.shape import Shape
from lmloop.nn.training import Update
from lmloop.report import blocks

FOUND = "losses.jsonl"
HEAD = 8
LAST_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Cell:
    """One short training: the model's layers and width, the rate, which repetition it is, and the loss at the end."""

    depth: int
    width: int
    rate: float
    repeat: int
    loss: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """A shape at the rate that suited it best: its weights without embedding, and the losses of all repetitions."""

    depth: int
    width: int
    inner: int
    rate: float
    losses: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The aspect ratio: width over depth."""
        return self.width / self.depth

    @property
    def mean(self) -> float:
        """The mean loss of the repetitions."""
        return fmean(self.losses)


class DepthWidth(Step):
    """Train models of several ``depths`` with about as many ``weights`` without embedding; see what shape is worth.

    The width is what gives that number (a multiple of 8, a head's width); the feed-forward takes up the rest, so that
    all are equal to one per cent. Each shape is tried at all ``rates``; at the best of them it is trained ``repeats``
    times in all, each with other first weights and other rows. A training is ``steps`` steps of ``batch`` tokens in
    rows of ``context``; a loss is the mean of the last fifth of them. A killed run goes on behind the last training
    that it finished.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokens",)
    makes: ClassVar[Kind] = "scores"

    weights: Annotated[int, Field(ge=4 * HEAD * HEAD)] = 49_152
    depths: list[Annotated[int, Field(ge=1, le=200)]] = [1, 2, 4, 8, 16]
    rates: list[Annotated[float, Field(gt=0)]] = [0.0015, 0.003, 0.006]
    repeats: Annotated[int, Field(ge=1)] = 3
    steps: Annotated[int, Field(ge=5)] = 600
    batch: Annotated[int, Field(ge=64)] = 512
    context: Annotated[int, Field(ge=16)] = 64

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Train them all, and draw the loss over the aspect ratio."""
        need("torch", "train")
        kept = KeptRows.open(out / FOUND)
        known = {(row["depth"], row["rate"], row["repeat"]): Cell(**row) for row in kept.rows}
        total = len(self.depths) * (len(self.rates) + self.repeats - 1)
        found = []
        with context.progress.bar("train", total, "trainings") as bar:

            def cell(depth: int, rate: float, repeat: int) -> Cell:
                if (depth, rate, repeat) not in known:
                    one = self._train(inputs[0].path, depth, rate, repeat, context.seed)
                    known[depth, rate, repeat] = one
                    kept.add(asdict(one))
                bar.advance(1)
                return known[depth, rate, repeat]

            for depth in sorted(self.depths):
                tried = [cell(depth, rate, 0) for rate in self.rates]
                best = min(tried, key=lambda one: math.inf if one.loss is None else one.loss)
                found.append(self._gather([best, *(cell(depth, best.rate, n) for n in range(1, self.repeats))]))
        cells = list(known.values())
        blocks.write(out / BLOCKS, _blocks(found, cells))
        return {**{f"loss/depth {one.depth}": round(one.mean, 4) for one in found}, **_spreads(found)}

    def shape(self, depth: int, vocabulary: int) -> Shape:
        """Give the shape of a depth: the width next to what a plain model of so many weights has, the rest inside."""
        each = self.weights / depth
        width = max(HEAD, HEAD * round(math.sqrt(each / 12) / HEAD))
        while width > HEAD and each - 4 * width * width < 3 * width:
            width -= HEAD
        hidden = max(1, round((each - 4 * width * width) / (3 * width)))
        heads = width // HEAD
        return Shape(vocabulary, depth, width, heads, heads, HEAD, hidden, self.context)

    def _train(self, tokens: Path, depth: int, rate: float, repeat: int, seed: int) -> Cell:
        from lmloop.nn.speed import one_thread
        from lmloop.nn.sweep import losses

        chance = seed + repeat
        batches, vocabulary = evenly(tokens, self.context, self.batch, self.steps, chance)
        shape = self.shape(depth, vocabulary)
        with one_thread():
            found = list(losses(shape, Update(learning_rate=rate), batches, self.steps, chance))
        last = found[-max(1, round(LAST_SHARE * self.steps)) :]
        mean = fmean(last)
        there = math.isfinite(mean) and len(found) == self.steps
        return Cell(depth, shape.width, rate, repeat, mean if there else None)

    def _gather(self, cells: Sequence[Cell]) -> Found:
        shape = self.shape(cells[0].depth, 0)
        losses = tuple(cell.loss if cell.loss is not None else math.nan for cell in cells)
        return Found(shape.layers, shape.width, shape.matrix_weights, cells[0].rate, losses)


def _spreads(found: Sequence[Found]) -> Metrics:
    """Say how far shapes differ, and how far the repetitions of one shape do, as shares of the best mean."""
    best, worst = min(one.mean for one in found), max(one.mean for one in found)
    own = max(max(one.losses) - min(one.losses) for one in found)
    return {"between shapes": round(worst / best - 1, 4), "between repetitions": round(own / best, 4)}


def _blocks(found: Sequence[Found], cells: Sequence[Cell]) -> list[blocks.Block]:
    found = sorted(found, key=lambda one: one.ratio)
    told = _spreads(found)
    best = min(found, key=lambda one: one.mean)
    ratios = (found[-1].ratio, found[0].ratio)
    figures = (
        blocks.Figure(
            "between shapes",
            f"{told['between shapes']:.1%}",
            caption=f"the worst mean above the best, over ratios from {ratios[1]:.3g} to {ratios[0]:.3g}",
        ),
        blocks.Figure(
            "between repetitions", f"{told['between repetitions']:.1%}", caption="the widest range of one shape"
        ),
        blocks.Figure(
            "best", f"{best.depth} x {best.width}", caption=f"layers and width: {best.mean:.3f} nats a token"
        ),
    )
    return [blocks.Numbers("What the shape is worth", figures), _curve(found), _rates(cells), _table(found)]


def _curve(found: Sequence[Found]) -> blocks.Curve:
    x = tuple(round(one.ratio, 4) for one in found)
    mean = tuple(round(one.mean, 4) for one in found)
    low, high = (tuple(round(side(one.losses), 4) for one in found) for side in (min, max))
    single = blocks.Line(
        "single trainings",
        tuple(round(one.ratio, 4) for one in found for _ in one.losses),
        tuple(round(loss, 4) for one in found for loss in one.losses),
        dots=True,
    )
    note = f"All have {found[0].inner:,} weights without embedding, to a per cent; the band is that of the repetitions."
    lines = (blocks.Line("mean", x, mean, low, high), single)
    return blocks.Curve("Loss by shape", lines, "width over depth", "nats a token", x_log=True, note=note)


def _rates(cells: Sequence[Cell]) -> blocks.Curve:
    lines = []
    for depth in sorted({cell.depth for cell in cells}):
        mine = sorted((cell for cell in cells if (cell.depth, cell.repeat) == (depth, 0)), key=lambda cell: cell.rate)
        name = f"{depth} x {mine[0].width}"
        lines.append(blocks.Line(name, tuple(c.rate for c in mine), tuple(c.loss for c in mine)))
    note = "The first repetition; the others are trained at the best of these rates."
    return blocks.Curve("Rates that were tried", tuple(lines), "learning rate", "nats a token", x_log=True, note=note)


def _table(found: Sequence[Found]) -> blocks.Table:
    rows = tuple(
        (one.depth, one.width, round(one.ratio, 2), one.inner, one.rate, round(one.mean, 3), _range(one.losses))
        for one in found
    )
    columns = ("layers", "width", "ratio", "weights", "rate", "loss", "lowest to highest")
    return blocks.Table("Shapes", columns, rows, note="weights without embedding; loss in nats a token")


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.3f} to {max(values):.3f}"
