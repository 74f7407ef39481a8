"""How well an op that learns from samples does on samples it has not seen: try it before you trust it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import model_validator

from lmloop.core.learning import HeldOut as Scored
from lmloop.core.learning import Learns
from lmloop.core.op import AnyOp
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.report import blocks

SCORES = "scores.parquet"
BINS, EXAMPLES, EXCERPT = 40, 12, 400
SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)


class HeldOut(Step):
    """Let ``op`` (quality, toxicity or perplexity) judge each of its samples by what it learns from the others.

    The samples are dealt into five parts; each part is scored by what is learnt from the other four. The report shows
    how the scores are spread, how many are right with the limit that is set and with others, and the worst mistakes;
    ``scores.parquet`` holds every sample with its score. The op itself learns from all of them.
    """

    makes: ClassVar[Kind] = "scores"

    op: AnyOp

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if not isinstance(self.op, Learns):
            raise ValueError(f"{self.op.name()} learns nothing from samples; quality, toxicity and perplexity do")
        return self

    @classmethod
    def example(cls) -> Self:
        """Give one that tells this package's code from its first words."""
        here = Path(__file__)
        samples = {"good": [str(here)], "bad": [str(here.with_name("__init__.py"))]}
        return cls.model_validate({"op": {"use": "quality", **samples}})

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Score the samples, write them down, and say how many were judged rightly."""
        assert isinstance(self.op, Learns)
        found = self.op.held_out()
        columns = {"text": found.texts, "wanted": found.wanted, found.statistic: found.scores}
        pq.write_table(pa.table(columns), out / SCORES)
        metrics = measure(found)
        blocks.write(out / BLOCKS, _shown(self.op.name(), found, metrics))
        return metrics


def measure(found: Scored) -> dict[str, float | int]:
    """Count samples and right decisions; ``auc`` is how likely a wanted sample is scored better than another."""
    kept, wanted = found.kept(found.limit), found.wanted
    numbers: dict[str, float | int] = {"samples": len(wanted), "wanted": int(wanted.sum())}
    numbers["kept_of_wanted"] = _share(kept[wanted])
    if not wanted.all():
        numbers["dropped_of_others"] = _share(~kept[~wanted])
        numbers["accuracy"] = _share(kept == wanted)
        numbers["auc"] = _auc(found.scores if found.keeps_above else -found.scores, wanted)
    return numbers


def _share(marks: npt.NDArray[np.bool_]) -> float:
    return float(np.mean(marks)) if len(marks) else 0.0


def _auc(scores: npt.NDArray[np.float64], wanted: npt.NDArray[np.bool_]) -> float:
    """Mann and Whitney's statistic over all pairs, ties counting half."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    many, few = int(wanted.sum()), int((~wanted).sum())
    return float((ranks[wanted].sum() - many * (many + 1) / 2) / max(many * few, 1))


def _shown(op: str, found: Scored, metrics: Metrics) -> Sequence[blocks.Block]:
    captions = {
        "samples": "each scored by what was learnt from the others",
        "wanted": "which the op should keep",
        "kept_of_wanted": f"of these are kept with the limit {found.limit:g}",
        "dropped_of_others": "of the others are dropped",
        "accuracy": "of all are judged rightly",
        "auc": "how likely a wanted sample has the better score",
    }
    figures = tuple(
        blocks.Figure(
            name.replace("_", " "), round(value, 4) if isinstance(value, float) else value, caption=captions[name]
        )
        for name, value in metrics.items()
    )
    shown: list[blocks.Block] = [blocks.Numbers(f"{op} on samples it has not seen", figures), _histogram(found)]
    shown.append(_limits(found))
    mistakes = _mistakes(op, found)
    return [*shown, blocks.Examples("The worst mistakes", mistakes)] if mistakes else shown


def _histogram(found: Scored) -> blocks.Histogram:
    log = found.statistic == "perplexity"
    values = np.log10(np.maximum(found.scores, 1e-9)) if log else found.scores
    top = float(values.max(initial=1.0))
    edges = np.linspace(min(0.0, float(values.min(initial=0.0))), max(top, 1.0), BINS + 1)
    sides = [("wanted", found.wanted), ("others", ~found.wanted)]
    series = tuple(
        blocks.Series(name, tuple(np.histogram(values[marks], edges)[0].tolist()))
        for name, marks in sides
        if marks.any()
    )
    marks = (blocks.Threshold(found.limit, "limit"),)
    shown = tuple((10.0**edges if log else edges).tolist())
    return blocks.Histogram(
        f"Held-out {found.statistic}", shown, series, found.statistic, "samples", x_log=log, thresholds=marks
    )


def _limits(found: Scored) -> blocks.Table:
    """Say what limit keeps how much of the wanted, and what it drops of the others."""
    rows, wanted = [], np.sort(found.scores[found.wanted])
    for share in SHARES:
        place = int((1 - share) * len(wanted)) if found.keeps_above else math.ceil(share * len(wanted)) - 1
        limit = float(wanted[place]) if len(wanted) else 0.0
        others = found.kept(limit)[~found.wanted]
        rows.append((f"{share:.0%}", round(limit, 4), f"{_share(~others):.1%}" if len(others) else None))
    columns = ("keeps of the wanted", f"limit on {found.statistic}", "drops of the others")
    return blocks.Table("Where to draw the line", columns, tuple(rows))


def _mistakes(op: str, found: Scored) -> tuple[blocks.Example, ...]:
    """Give the samples that lie farthest on the wrong side of the limit."""
    wrong = np.flatnonzero(found.kept(found.limit) != found.wanted)
    order = wrong[np.argsort(-np.abs(found.scores[wrong] - found.limit), kind="stable")][:EXAMPLES]
    return tuple(
        blocks.Example(
            "wanted, but dropped" if found.wanted[k] else "not wanted, but kept",
            found.texts[k][:EXCERPT],
            op,
            str(k),
            stats={found.statistic: round(float(found.scores[k]), 4)},
            kept=not bool(found.wanted[k]),
        )
        for k in order.tolist()
    )
