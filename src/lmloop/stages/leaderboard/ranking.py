"""Ranking: which differences are more than chance, and between which ranks each model may stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from lmloop.scoring.differences import Difference, combine, compare
from lmloop.scoring.means import Mean, macro_mean
from lmloop.scoring.ranks import ALPHA, Pair, corrected, rank_intervals
from lmloop.stages.leaderboard.gathering import Board, Cell, Column, common


@dataclass(frozen=True, slots=True)
class Ranked:
    """A column's pairs of models with Holm's p values, and each model's interval of ranks."""

    pairs: Mapping[Pair, Difference]
    ps: Mapping[Pair, float]
    ranks: Mapping[str, tuple[int, int]]
    level: Sequence[str]
    """The models from which the best is not surely better: the best among them."""


def rank(board: Board, column: Column) -> Ranked:
    """Compare all pairs of models in a column, item by item."""
    models = board.having(column)
    cells = {model: board.cells[model, column.name] for model in models}
    pairs = {(a, b): compared(cells[a], cells[b]) for a, b in combinations(models, 2)}
    scores = {model: cell.whole.mean for model, cell in cells.items()}
    return ranked(models, {pair: found for pair, found in pairs.items() if found.n}, scores, column.higher)


def ranked(
    models: Sequence[str], pairs: Mapping[Pair, Difference], scores: Mapping[str, float], higher: bool
) -> Ranked:
    """Give the ranks that differences leave open."""
    ps = corrected(pairs)
    best = (max if higher else min)(models, key=lambda model: scores[model])
    level = [model for model in models if model == best or not _beaten(best, model, pairs, ps, higher)]
    return Ranked(pairs, ps, rank_intervals(models, pairs, ps, higher), level)


def average(board: Board, columns: Sequence[Column]) -> tuple[dict[str, Mean], Ranked | None]:
    """Average some columns, each counting the same, for the models that have all of them."""
    models = [model for model in board.models if all((model, column.name) in board.cells for column in columns)]
    means = {model: macro_mean([_mean(board.cells[model, column.name]) for column in columns]) for model in models}
    if not models:
        return means, None
    pairs = {
        (a, b): combine([compared(board.cells[a, c.name], board.cells[b, c.name]) for c in columns])
        for a, b in combinations(models, 2)
    }
    return means, ranked(models, pairs, {model: mean.mean for model, mean in means.items()}, higher=True)


def compared(first: Cell, second: Cell) -> Difference:
    """Compare two cells on the items that both were graded on."""
    mine, other = common(first, second)
    clusters = first.column("cluster").take(mine).to_pylist()
    values = (cell.column("value").take(places).to_numpy() for cell, places in ((first, mine), (second, other)))
    return compare(*values, clusters=clusters)  # type: ignore[misc]


def _mean(cell: Cell) -> Mean:
    whole = cell.whole
    return Mean(whole.mean, whole.n, whole.clusters, whole.se, whole.low, whole.high)


def _beaten(best: str, model: str, pairs: Mapping[Pair, Difference], ps: Mapping[Pair, float], higher: bool) -> bool:
    pair = (best, model) if (best, model) in pairs else (model, best)
    if pair not in pairs or ps[pair] >= ALPHA:
        return False
    return (pairs[pair].mean > 0) == (higher if pair[1] == best else not higher)
