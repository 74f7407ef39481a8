"""Suites on a leaderboard: each model's average as the published leaderboard computes it."""

from collections.abc import Mapping, Sequence
from typing import Any

from lmloop.scoring.suite import Average, Entry, Means, Suite, suite, suite_names
from lmloop.stages.leaderboard.gathering import Board

DIGITS = 4


def tell_suites(board: Board, names: Sequence[str]) -> list[dict[str, Any]]:
    """Give the averages of the named suites; of none named, of those of which a model has every entry."""
    found = []
    for name in names or suite_names():
        made = suite(name)
        averages = {model: made.average(_means(board, model)) for model in board.models}
        if names or any(average.total is not None for average in averages.values()):
            found.append(_told(name, made, averages))
    return found


def _told(name: str, made: Suite, averages: Mapping[str, Average]) -> dict[str, Any]:
    models = {
        model: {
            "total": _rounded(average.total),
            "entries": {entry: _rounded(value) for entry, value in average.entries.items()},
            "parts": {part: _rounded(value) for part, value in average.parts.items() if part},
            "missing": average.missing,
        }
        for model, average in averages.items()
    }
    return {"name": name, "title": made.title, "about": made.about, "source": made.source, "models": models}


def _means(board: Board, model: str) -> Means:
    """Find a model's means of an entry's metric by group, in whatever run has them."""

    def means(entry: Entry, metric: str) -> Mapping[str, float]:
        for column in board.columns:
            cell = board.cells.get((model, column.name))
            if cell is None or not entry.fits(column.asked.protocol):
                continue
            return {
                score.group: score.mean
                for score in cell.source.scores.scores
                if (score.model, score.task, score.metric) == (cell.model.name, cell.task, metric) and not score.macro
            }
        return {}

    return means


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
