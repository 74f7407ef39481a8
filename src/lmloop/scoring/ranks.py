"""Ranks as intervals: between which places a model may stand, given which differences are more than chance."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from lmloop.scoring.differences import Difference, holm

ALPHA = 0.05

Pair = tuple[str, str]


def corrected(pairs: Mapping[Pair, Difference]) -> dict[Pair, float]:
    """Give Holm's p for each pair of models."""
    return dict(zip(pairs, holm([found.p for found in pairs.values()]), strict=True))


def rank_intervals(
    models: Sequence[str], pairs: Mapping[Pair, Difference], ps: Mapping[Pair, float], higher: bool = True
) -> dict[str, tuple[int, int]]:
    """Give the best and the worst rank of each model: behind those that are surely better, before the surely worse.

    ``pairs`` and ``ps`` have each pair of models in the order of ``models``. With corrected p values all intervals hold
    at once (Al Mohamad, van Zwet, Goeman 2019, "An improvement of Tukey's HSD with application to ranking").
    """
    better, worse = dict.fromkeys(models, 0), dict.fromkeys(models, 0)
    for pair in combinations(models, 2):
        if pair not in pairs or ps[pair] >= ALPHA:
            continue
        second_wins = (pairs[pair].mean > 0) == higher
        winner, loser = (pair[1], pair[0]) if second_wins else pair
        better[loser] += 1
        worse[winner] += 1
    return {model: (1 + better[model], len(models) - worse[model]) for model in models}
