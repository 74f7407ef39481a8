"""An arena: strengths of models from battles of two, by Bradley and Terry, with intervals.

The chance that A beats B is 1 / (1 + exp(strength B - strength A)); a tie is half a battle won and half a battle lost.
Strengths have mean 0, and are shown as Elo: 1000 + 400 / ln 10 times the strength.

Source: Bradley and Terry 1952; Chiang et al. 2024, "Chatbot Arena", sections 4 and 5; the rating systems of FastChat,
whose numbers these are where all models are connected by wins and losses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

SCALE = 400 / np.log(10)
START = 1000.0
ROUNDS = 100
RIDGE = 1e-6
"""Keeps the strength of a model that never lost, which has no bound, at a number: some 14 in log odds."""


@dataclass(frozen=True, slots=True)
class Battle:
    """Two models before one prompt: ``score`` is 1 where ``one`` won, 0 where ``other`` did, 0.5 for a tie.

    Battles of one ``prompt`` are drawn together by the bootstrap. ``style`` holds differences of the two replies, one
    less other, that are no merit (length, lists, bold words), by name.
    """

    one: str
    other: str
    score: float
    prompt: str = ""
    style: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a model stands: Elo with its interval, rank with the range of ranks that the bootstrap leaves it.

    ``bounded`` is False where it won against, or lost to, all the others that it met: then its Elo is only a floor, or
    a ceiling.
    """

    model: str
    elo: float
    low: float
    high: float
    rank: int
    best: int
    worst: int
    battles: int
    wins: float
    bounded: bool = True


@dataclass(frozen=True, slots=True)
class Standings:
    """All models, the strongest first; ``style`` has the coefficient of each style (log odds a standard deviation)."""

    rows: tuple[Standing, ...]
    style: Mapping[str, float] = field(default_factory=dict)

    def chance(self, one: str, other: str) -> float:
        """Give the chance that one model beats another."""
        elo = {row.model: row.elo for row in self.rows}
        return float(1 / (1 + 10 ** ((elo[other] - elo[one]) / 400)))


@dataclass(slots=True)
class _Table:
    """Battles as arrays. Those of one pair of models are one row, unless styles tell them apart.

    ``row``, ``cluster`` and ``score`` are of battles [N]; ``one``, ``other`` and ``style``, which has a mean square of
    1, of rows [R] and [R, F].
    """

    models: list[str]
    row: Ints
    cluster: Ints
    score: Floats
    one: Ints
    other: Ints
    style: Floats
    names: list[str]

    def weighed(self, drawn: Floats) -> tuple[Floats, Floats]:
        """Give for each row how many battles there were and how many the first model won, [R] each."""
        size = len(self.one)
        fought, won = (np.bincount(self.row, weight, size) for weight in (drawn, drawn * self.score))
        return np.asarray(fought, np.float64), np.asarray(won, np.float64)


def standings(battles: Sequence[Battle], rounds: int = ROUNDS, seed: int = 0, style: bool = False) -> Standings:
    """Rank models by their battles, with intervals of 95 % from a bootstrap over prompts (``rounds`` of it).

    Raises:
        ValueError: there is no battle.
    """
    table = _table(battles, style)
    weights = np.ones(len(battles))
    found = _fit(table, weights, np.zeros(len(table.models) + len(table.names)))
    count = len(table.models)
    draws = np.array([_fit(table, drawn, found)[:count] for drawn in _drawn(table.cluster, rounds, seed)])
    draws = draws if rounds else found[None, :count]
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    ranks = (draws[:, None, :] > draws[:, :, None]).sum(2) + 1
    best, worst = np.quantile(ranks, [0.025, 0.975], axis=0, method="nearest").astype(int)
    order = sorted(range(count), key=lambda place: (-found[place], table.models[place]))
    fought, won = _record(table)
    unbounded = _unbounded(table)
    rows = tuple(
        Standing(
            table.models[i],
            elo(found[i]),
            elo(low[i]),
            elo(high[i]),
            rank,
            int(min(best[i], rank)),
            int(max(worst[i], rank)),
            int(fought[i]),
            float(won[i]),
            not unbounded[i],
        )
        for rank, i in enumerate(order, 1)
    )
    return Standings(rows, dict(zip(table.names, map(float, found[count:]), strict=True)))


def strengths(battles: Sequence[Battle]) -> dict[str, float]:
    """Give the strength of each model: the maximum of the likelihood, in natural log odds, with mean 0."""
    table = _table(battles, style=False)
    found = _fit(table, np.ones(len(battles)), np.zeros(len(table.models)))
    return dict(zip(table.models, map(float, found), strict=True))


def elo(strength: float) -> float:
    """Show a strength as Elo."""
    return float(START + SCALE * strength)


def shares(battles: Sequence[Battle]) -> dict[tuple[str, str], tuple[float, int]]:
    """Give for each pair of models, in both orders, the share that the first won, and the number of battles."""
    won: dict[tuple[str, str], tuple[float, int]] = {}
    for battle in battles:
        for pair, score in (((battle.one, battle.other), battle.score), ((battle.other, battle.one), 1 - battle.score)):
            total, count = won.get(pair, (0.0, 0))
            won[pair] = (total + score, count + 1)
    return {pair: (total / count, count) for pair, (total, count) in sorted(won.items())}


def connected(battles: Sequence[Battle]) -> bool:
    """Tell whether battles join all models: else the strengths of the parts cannot be compared."""
    groups: dict[str, str] = {}

    def root(model: str) -> str:
        while groups.setdefault(model, model) != model:
            model = groups[model]
        return model

    for battle in battles:
        groups[root(battle.one)] = root(battle.other)
    return len({root(model) for model in list(groups)}) <= 1


def _table(battles: Sequence[Battle], style: bool) -> _Table:
    if not battles:
        raise ValueError("an arena needs at least one battle")
    models = sorted({model for battle in battles for model in (battle.one, battle.other)})
    place = {model: number for number, model in enumerate(models)}
    pairs = np.array([(place[battle.one], place[battle.other]) for battle in battles])
    # a battle without a prompt is a cluster of its own
    clusters: dict[str | int, int] = {}
    cluster = [clusters.setdefault(battle.prompt or number, len(clusters)) for number, battle in enumerate(battles)]
    names = sorted({name for battle in battles for name in battle.style}) if style else []
    if names:
        rows, row = pairs, np.arange(len(battles))
        values = np.array([[battle.style.get(name, 0.0) for name in names] for battle in battles])
        # no mean is taken off: which model is called the first would count, then
        spread = np.sqrt((values**2).mean(0))
        values = values / np.where(spread > 0, spread, 1.0)
    else:
        rows, row = np.unique(pairs, axis=0, return_inverse=True)
        values = np.zeros((len(rows), 0))
    score = np.array([battle.score for battle in battles], np.float64)
    return _Table(models, row.ravel(), np.array(cluster), score, rows[:, 0], rows[:, 1], values, names)


def _fit(table: _Table, drawn: Floats, start: Floats) -> Floats:
    """Find the maximum of the likelihood by Newton's method, halving steps that go too far."""
    count, found = len(table.models), start.copy()
    fought, won = table.weighed(drawn)
    loss = _loss(table, fought, won, found)
    for _ in range(100):
        slope, curve = _derivatives(table, fought, won, found)
        step = np.linalg.solve(curve, slope)
        # half of this is what the step can gain at most
        if slope @ step <= 1e-14 * max(loss, 1.0):
            break
        size = 1.0
        while size > 1e-6 and _loss(table, fought, won, found - size * step) > loss:
            size /= 2
        found = found - size * step
        loss = _loss(table, fought, won, found)
    found[:count] -= found[:count].mean()
    return found


def _gap(table: _Table, found: Floats) -> Floats:
    count = len(table.models)
    return np.asarray(found[table.one] - found[table.other] + table.style @ found[count:], np.float64)


def _loss(table: _Table, fought: Floats, won: Floats, found: Floats) -> float:
    gap = _gap(table, found)
    return float(fought @ np.logaddexp(0, gap) - won @ gap + RIDGE / 2 * found @ found)


def _derivatives(table: _Table, fought: Floats, won: Floats, found: Floats) -> tuple[Floats, Floats]:
    """Give the slope [P] and the curvature [P, P] of the loss; P are models, then styles."""
    count, size = len(table.models), len(found)
    chance = 1 / (1 + np.exp(-_gap(table, found)))
    pull, bend = fought * chance - won, fought * chance * (1 - chance)
    slope, curve = RIDGE * found, RIDGE * np.eye(size)
    slope[:count] += np.bincount(table.one, pull, count) - np.bincount(table.other, pull, count)
    met = np.bincount(table.one * count + table.other, bend, count * count).reshape(count, count)
    met = met + met.T
    curve[:count, :count] += np.diag(met.sum(1)) - met
    if table.names:
        slope[count:] += table.style.T @ pull
        for place, column in enumerate((bend[:, None] * table.style).T):
            mixed = np.bincount(table.one, column, count) - np.bincount(table.other, column, count)
            curve[:count, count + place] += mixed
            curve[count + place, :count] += mixed
        curve[count:, count:] += table.style.T @ (bend[:, None] * table.style)
    return slope, curve


def _drawn(cluster: Ints, rounds: int, seed: int) -> list[Floats]:
    """Draw clusters with replacement: how often each battle is in a draw."""
    chance, count = np.random.default_rng(seed), int(cluster.max()) + 1
    return [
        np.bincount(chance.integers(0, count, count), minlength=count)[cluster].astype(float) for _ in range(rounds)
    ]


def _record(table: _Table) -> tuple[Floats, Floats]:
    count = len(table.models)
    one, other = table.one[table.row], table.other[table.row]
    fought = np.bincount(one, minlength=count) + np.bincount(other, minlength=count)
    won = np.bincount(one, table.score, count) + np.bincount(other, 1 - table.score, count)
    return fought.astype(np.float64), np.asarray(won, np.float64)


def _unbounded(table: _Table) -> npt.NDArray[np.bool_]:
    """Find models that no chain of wins joins to the others both ways: their strengths have no maximum."""
    one, other = table.one[table.row], table.other[table.row]
    beats = np.eye(len(table.models), dtype=bool)
    beats[one[table.score > 0], other[table.score > 0]] = True
    beats[other[table.score < 1], one[table.score < 1]] = True
    for middle in range(len(beats)):
        beats |= beats[:, [middle]] & beats[[middle], :]
    joined = (beats & beats.T).sum(1)
    return np.asarray(joined < joined.max())
