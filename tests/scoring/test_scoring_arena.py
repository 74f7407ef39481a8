"""Arenas: strengths that solve the equations of Bradley and Terry, intervals, and what has no solution."""

import math
from random import Random

import numpy as np
import pytest
from scipy.optimize import minimize

from lmloop.scoring.arena import Battle, connected, shares, standings, strengths

TRUE = {"kite": 0.9, "owl": 0.3, "wren": -0.2, "gull": -1.0}


def fights(count: int, style: float = 0.0, seed: int = 3) -> list[Battle]:
    chance, found = Random(seed), []
    for number in range(count):
        one, other = chance.sample(list(TRUE), 2)
        longer = chance.gauss(0, 1)
        wins = chance.random() < 1 / (1 + math.exp(TRUE[other] - TRUE[one] - style * longer))
        tie = chance.random() < 0.1
        found.append(Battle(one, other, 0.5 if tie else float(wins), f"q{number // 3}", {"length": longer}))
    return found


def test_two_models_have_the_known_solution() -> None:
    found = strengths([Battle("a", "b", 1.0)] * 3 + [Battle("b", "a", 1.0)])
    assert found["a"] - found["b"] == pytest.approx(math.log(3), abs=1e-5)


def test_strengths_are_those_of_a_plain_fit() -> None:
    battles = fights(3000)
    names = sorted(TRUE)
    one, other = (np.array([names.index(getattr(battle, side)) for battle in battles]) for side in ("one", "other"))
    score = np.array([battle.score for battle in battles])

    def loss(found: np.ndarray) -> float:
        gap = found[one] - found[other]
        return float((np.logaddexp(0, gap) - score * gap).sum())

    plain = minimize(loss, np.zeros(4), tol=1e-12).x
    assert strengths(battles) == pytest.approx(dict(zip(names, plain - plain.mean(), strict=True)), abs=1e-4)


def test_standings_have_intervals_ranks_and_the_same_numbers_each_time() -> None:
    found = standings(fights(6000), rounds=60, seed=1)
    assert [row.model for row in found.rows] == list(TRUE)
    assert all(row.low < row.elo < row.high and row.best <= row.rank <= row.worst for row in found.rows)
    assert found == standings(fights(6000), rounds=60, seed=1)
    assert found.chance("kite", "gull") + found.chance("gull", "kite") == pytest.approx(1)
    few = standings(fights(60), rounds=60)
    assert few.rows[0].high - few.rows[0].low > 3 * (found.rows[0].high - found.rows[0].low)


def test_battles_of_one_prompt_are_drawn_together() -> None:
    battles = [Battle("a", "b", float(n % 10 < 6), f"q{n % 10}") for n in range(500)]
    apart = [Battle("a", "b", battle.score) for battle in battles]
    wide, narrow = (standings(given, rounds=100).rows[0] for given in (battles, apart))
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_style_is_reckoned_out() -> None:
    found = standings(fights(6000, style=0.7), rounds=0, style=True)
    assert found.style["length"] == pytest.approx(0.7 * 0.9, abs=0.12)


def test_what_has_no_bound_is_marked() -> None:
    rows = {row.model: row for row in standings([Battle("a", "b", 1)] * 5 + [Battle("b", "c", 0.5)] * 3).rows}
    assert [rows[name].bounded for name in "abc"] == [False, True, True]
    assert connected([Battle("a", "b", 1), Battle("b", "c", 0)])
    assert not connected([Battle("a", "b", 1), Battle("c", "d", 0)])
    with pytest.raises(ValueError, match="at least one battle"):
        standings([])


def test_shares_of_a_pair_stand_in_both_orders() -> None:
    battles = [Battle("a", "b", 1.0), Battle("a", "b", 0.5)]
    assert shares(battles) == {("a", "b"): (0.75, 2), ("b", "a"): (0.25, 2)}
