"""What stands beside the table: scores without questions that all models answered, of an arena or of certainty.

They cannot be compared item by item and are in no average, so each run has a table of its own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmloop.core.card import Card
from lmloop.core.scores import Asked, Score, Scores
from lmloop.stages.leaderboard.gathering import Board

DIGITS = 6
NOTES: Mapping[str, str] = {
    "arena": "Strengths of Bradley and Terry as Elo, from battles of two: no two models need have met on the same "
    "question, so Elo is no column of the table and in no average. Intervals of 95 % come of a bootstrap over prompts.",
    "certainty": "Whether a model knows what it knows: each question is asked twice, and what counts is how the two "
    "replies go together, so there is no verdict of an item to compare. Shares of questions have Wilson's interval.",
}
OTHER = "Scores without a log of questions: they are shown as they are, and compared with nothing."


def tell_beside(board: Board) -> list[dict[str, Any]]:
    """Tell the scores of each run that has no questions, a table for each of its tasks."""
    return [
        _told(path, asked, scores) for path in board.beside for scores in [Scores.read(path)] for asked in scores.tasks
    ]


def _told(path: Path, asked: Asked, scores: Scores) -> dict[str, Any]:
    use = Card.read(path).use
    metrics = [
        {
            "name": metric["name"],
            "higher": metric["higher"],
            "share": (metric.get("least", 0.0), metric.get("most", 1.0)) == (0.0, 1.0),
        }
        for metric in asked.metrics
    ]
    found = {
        model.name: {
            score.metric: _number(score)
            for score in scores.scores
            if (score.model, score.task, score.group) == (model.name, asked.name, "")
        }
        for model in scores.models
    }
    return {
        "run": path.name,
        "task": asked.name,
        "use": use,
        "metrics": metrics,
        "models": _ordered(found, metrics[0]),
        "note": NOTES.get(use, OTHER),
    }


def _ordered(found: Mapping[str, dict[str, Any]], chief: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Put the best first; those without a number last."""
    sign = -1 if chief["higher"] else 1

    def key(name: str) -> tuple[bool, float, str]:
        number = found[name].get(chief["name"])
        return number is None, sign * number["mean"] if number else 0.0, name

    return {name: found[name] for name in sorted(found, key=key)}


def _number(score: Score) -> dict[str, Any]:
    """Give a number with its interval; one that is a point is none."""
    known = score.low < score.mean or score.mean < score.high
    low, high = (round(end, DIGITS) if known else None for end in (score.low, score.high))
    return {"mean": round(score.mean, DIGITS), "low": low, "high": high, "n": score.n}
