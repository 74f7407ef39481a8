"""What the page and the files of a leaderboard are made of: plain data."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmloop.core.card import Card
from lmloop.core.lineage import ancestors
from lmloop.scoring.differences import smallest_shown
from lmloop.stages.leaderboard.contamination import Clean
from lmloop.stages.leaderboard.gathering import Board, Cell, Column
from lmloop.stages.leaderboard.ranking import Ranked, average, rank

DIGITS = 6


def tell(board: Board, cleans: Mapping[tuple[str, str], Clean]) -> dict[str, Any]:
    """Tell all of a board but its items."""
    columns, cells = [], {}
    for column in board.columns:
        ranked = rank(board, column)
        columns.append(_column(board, column, ranked))
        for model in board.having(column):
            cell = board.cells[model, column.name]
            cells[f"{model}\n{column.name}"] = _cell(
                cell, column, ranked.ranks[model], cleans.get((model, column.name))
            )
    paths = {path.name: path for path in (*(cell.source.path for cell in board.cells.values()), *board.beside)}
    return {
        "models": [_model(name, board) for name in board.models],
        "columns": columns,
        "cells": cells,
        "average": _average(board),
        "runs": {name: _run(path) for name, path in paths.items()},
    }


def averaged(board: Board) -> list[Column]:
    """List the columns that may be averaged: shares of tasks that were asked in one way only, more being better."""
    kinds = [column.asked.task for column in board.columns]
    return [column for column in board.columns if kinds.count(column.asked.task) == 1 and is_share(board, column)]


def is_share(board: Board, column: Column) -> bool:
    """Whether a column's scores lie between 0 and 1, and more is better."""
    scores = [board.cells[model, column.name].whole for model in board.having(column)]
    return column.higher and all(0 <= score.mean <= 1 for score in scores)


def _average(board: Board) -> dict[str, Any] | None:
    columns = averaged(board)
    if len(columns) < 2:
        return None
    means, ranked = average(board, columns)
    if ranked is None:
        return None
    return {
        "columns": [column.name for column in columns],
        "means": {model: _mean(mean) | {"ranks": ranked.ranks[model]} for model, mean in means.items()},
        "level": list(ranked.level),
        "pairs": _pairs(ranked),
    }


def _column(board: Board, column: Column, ranked: Ranked) -> dict[str, Any]:
    asked = column.asked
    first = board.cells[board.having(column)[0], column.name]
    return {
        "name": column.name,
        "task": asked.task,
        "metric": column.metric,
        "metrics": list(asked.metrics),
        "higher": column.higher,
        "chance": asked.metrics[0].get("chance", 0.0),
        "share": is_share(board, column),
        "protocol": dict(asked.protocol),
        "data": dict(asked.data),
        "differs": list(column.differs),
        "groups": [rate.group for rate in first.rates if rate.group],
        "level": list(ranked.level),
        "pairs": _pairs(ranked),
    }


def _pairs(ranked: Ranked) -> list[dict[str, Any]]:
    return [
        {
            "models": list(pair),
            "mean": _rounded(found.mean),
            "low": _rounded(found.low),
            "high": _rounded(found.high),
            "n": found.n,
            "gained": found.gained,
            "lost": found.lost,
            "test": found.test,
            "p": float(f"{found.p:.4g}"),
            "holm": float(f"{ranked.ps[pair]:.4g}"),
            "shown": _rounded(smallest_shown(found.se)),
        }
        for pair, found in ranked.pairs.items()
    ]


def _cell(cell: Cell, column: Column, ranks: tuple[int, int], clean: Clean | None) -> dict[str, Any]:
    whole = cell.whole
    rates = {rate.group: rate for rate in cell.rates}
    macro = next((score for score in cell.scores if score.macro), None)
    every = [score for score in cell.source.scores.scores if score.model == cell.model.name and score.task == cell.task]
    others = [score for score in every if not score.group and not score.macro and score.metric != column.metric]
    card = cell.source.card
    return {
        **_mean(whole),
        "macro": _mean(macro) if macro else None,
        "others": {score.metric: _mean(score) for score in others},
        "groups": {
            score.group: {**_mean(score), "failed": rates[score.group].failed, "cut": rates[score.group].cut}
            for score in cell.scores
            if score.group
        },
        "items": rates[""].items,
        "failed": rates[""].failed,
        "cut": rates[""].cut,
        "errors": rates[""].errors,
        "ranks": list(ranks),
        "run": cell.source.path.name,
        "seconds": card.metrics.get(f"{cell.model.name}/seconds"),
        "tokens": cell.model.tokens,
        "clean": clean.told() if clean else None,
    }


def _mean(score: Any) -> dict[str, Any]:
    found = {name: _rounded(getattr(score, name)) for name in ("mean", "se", "low", "high")}
    return {**found, "n": score.n, "clusters": score.clusters}


def _model(name: str, board: Board) -> dict[str, Any]:
    model = board.models[name]
    return {
        "name": name,
        "fingerprint": model.fingerprint,
        "settings": dict(model.settings),
        "folder": model.folder,
        "prompt_tokens": model.prompt_tokens,
        "tokens": model.tokens,
        "requests": model.requests,
    }


def _run(path: Path) -> dict[str, Any]:
    card = Card.read(path)
    return {"lineage": [_ancestor(found) for found in ancestors(path.parent, path)], "seed": card.seed, "key": card.key}


def _ancestor(found: Any) -> dict[str, Any]:
    card = found.card
    told = {"depth": found.depth, "folder": found.folder}
    if card is None:
        return told
    return {**told, "use": card.use, "makes": card.makes, "recipe": card.recipe, "finished": card.finished}


def _rounded(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, DIGITS)
