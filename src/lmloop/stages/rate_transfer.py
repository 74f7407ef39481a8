"""Rate transfer: does the learning rate that suits a narrow model suit a wide one?"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from lmloop.core.extras import need
from lmloop.core.kept_rows import KeptRows
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.windows import Mixed, evenly
from lmloop.nn.shape import Shape
from lmloop.nn.training import Update
from lmloop.report import blocks

FOUND = "losses.jsonl"
HEAD = 32
USUAL, CARRIED = "the same for all", "carried over"
LAST_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Cell:
    """One short training: how the rate was meant, how wide the model was, the rate, and the loss at the end."""

    way: str
    width: int
    rate: float
    loss: float | None


class RateTransfer(Step):
    """Train models of several ``widths`` and one ``depth`` at several ``rates``; see whether the best rate stays put.

    It is done twice: with the rate as it is, and with the rate of the narrowest width carried over to the others
    (``optimizer.base_width`` of pretrain). Each is ``steps`` steps of ``batch`` tokens of the packed tokens that are
    read, in rows of ``context``, on the same rows; a loss is the mean of the last fifth of them. A killed run goes on
    behind the last training that it finished.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokens",)
    makes: ClassVar[Kind] = "scores"

    widths: list[Annotated[int, Field(ge=HEAD, multiple_of=HEAD)]] = [32, 64, 128]
    rates: list[Annotated[float, Field(gt=0)]] = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032]
    depth: Annotated[int, Field(ge=1)] = 2
    steps: Annotated[int, Field(ge=5)] = 200
    batch: Annotated[int, Field(ge=64)] = 2048
    context: Annotated[int, Field(ge=16)] = 128

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Train them all, and draw the loss over the rate for each width."""
        need("torch", "train")
        kept = KeptRows.open(out / FOUND)
        done = [Cell(**row) for row in kept.rows]
        plan = [(way, width, rate) for way in (USUAL, CARRIED) for width in sorted(self.widths) for rate in self.rates]
        batches, vocabulary = evenly(inputs[0].path, self.context, self.batch, self.steps, context.seed)
        with context.progress.bar("train", len(plan), "trainings") as bar:
            bar.advance(len(done))
            for way, width, rate in plan[len(done) :]:
                shape = self._shape(width, vocabulary)
                done.append(Cell(way, width, rate, self._loss(shape, way, rate, batches, context.seed)))
                kept.add(asdict(done[-1]))
                bar.advance(1)
        best = {way: _best(done, way) for way in (USUAL, CARRIED)}
        blocks.write(out / BLOCKS, _blocks(done, best))
        return {f"octaves moved, {way}": round(_moved(found), 2) for way, found in best.items()}

    def _shape(self, width: int, vocabulary: int) -> Shape:
        heads = width // HEAD
        return Shape(vocabulary, self.depth, width, heads, heads, HEAD, 8 * round(width / 3), self.context)

    def _loss(self, shape: Shape, way: str, rate: float, batches: Mixed, seed: int) -> float | None:
        from lmloop.nn.speed import one_thread
        from lmloop.nn.sweep import losses

        base = min(self.widths) if way == CARRIED else 0
        with one_thread():
            found = list(losses(shape, Update(learning_rate=rate, base_width=base), batches, self.steps, seed))
        last = found[-max(1, round(LAST_SHARE * self.steps)) :]
        mean = sum(last) / len(last)
        return mean if math.isfinite(mean) and len(found) == self.steps else None


def _best(cells: list[Cell], way: str) -> dict[int, float]:
    """Find the best rate of each width: the lowest point of a parabola through the three lowest neighbours."""
    found: dict[int, float] = {}
    for width in sorted({cell.width for cell in cells}):
        mine = sorted((cell.rate, cell.loss) for cell in cells if (cell.way, cell.width) == (way, width) and cell.loss)
        if mine:
            found[width] = _lowest([math.log2(rate) for rate, _ in mine], [loss for _, loss in mine if loss])
    return found


def _lowest(x: list[float], y: list[float]) -> float:
    place = min(range(len(y)), key=y.__getitem__)
    if not 0 < place < len(y) - 1:
        return float(2 ** x[place])
    (a, b, c), (p, q, r) = x[place - 1 : place + 2], y[place - 1 : place + 2]
    above = (b - a) ** 2 * (q - r) - (b - c) ** 2 * (q - p)
    below = (b - a) * (q - r) - (b - c) * (q - p)
    return float(2 ** (b - above / (2 * below))) if below else float(2**b)


def _moved(best: Mapping[int, float]) -> float:
    """Say by how many octaves the best rate of the widest model is off that of the narrowest."""
    rates = [best[width] for width in sorted(best)]
    return math.log2(rates[-1] / rates[0]) if rates else float("nan")


def _blocks(cells: list[Cell], best: Mapping[str, Mapping[int, float]]) -> list[blocks.Block]:
    figures = tuple(
        blocks.Figure(f"rate {way}", f"{_moved(found):+.1f}", caption="octaves from the narrowest model to the widest")
        for way, found in best.items()
    )
    found: list[blocks.Block] = [blocks.Numbers("How far the best learning rate moves", figures)]
    for way, rates in best.items():
        lines = []
        for width in rates:
            mine = [cell for cell in cells if (cell.way, cell.width) == (way, width)]
            lines.append(blocks.Line(f"width {width}", tuple(c.rate for c in mine), tuple(c.loss for c in mine)))
        note = "best: " + ", ".join(f"{rate:.2g} at width {width}" for width, rate in rates.items())
        found.append(blocks.Curve(f"Rate {way}", tuple(lines), "learning rate", "nats a token", x_log=True, note=note))
    return found
