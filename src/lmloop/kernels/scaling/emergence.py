"""Emergence: whether a jump over scale is the task's or the metric's.

Scores over a ladder of models, each with its scale (a loss, falling), are told apart by: Spearman's rank correlation
with scale; linearity and breakthroughness (Srivastava et al. 2022, "Beyond the Imitation Game", appendix B): the
gain divided by the root mean square, and by the root median square, of the steps from model to model; and the band
in which chance alone would lie. There the models are even; ours may be bunched, and then a long way between two of
them makes a large step out of an even climb. So each step is divided by the distance of its two models, in loss or in
the logarithm of size, and weighs as much as that distance: over an even ladder it is what was published. A task that
jumps under exact match and climbs evenly under a continuous metric owes its jump to the metric (Schaeffer et al. 2023,
"Are Emergent Abilities of Large Language Models a Mirage?").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from lmloop.kernels.scaling.points import Floats

Verdict: TypeAlias = Literal[
    "smooth under a continuous metric", "smooth", "sharp under every metric", "sharp; no continuous metric given",
    "no signal", "inverse", "too few models",
]  # fmt: skip

SHARP = 3.0
"""A rise is sharp whose breakthroughness is so many times its linearity (an even rise: 1; noise alone: about 1.5)."""
SIGNAL, INVERSE = 0.5, -0.5
FEWEST = 4
"""In fewer places nothing can be said of how a metric rises."""
TOGETHER = 0.1
"""Models nearer than this share of the mean distance are taken for one: what they differ by is noise."""


@dataclass(frozen=True, slots=True)
class Series:
    """One task under one metric over a ladder: models in order of scale, best last; higher scores are better.

    ``chance`` is the score of guessing, ``items`` how many questions there were; both 0 where they are not known.
    """

    task: str
    metric: str
    continuous: bool
    scale: Floats
    scores: Floats
    chance: float = 0.0
    items: int = 0

    def places(self) -> tuple[Floats, Floats]:
        """Give where models stand, and their score there; those that stand together are one, with their mean.

        Losses, which are negative here, stand as they are, and sizes by their logarithm.
        """
        stand = np.log(self.scale) if (self.scale > 0).all() else self.scale
        near = TOGETHER * (stand[-1] - stand[0]) / max(1, len(stand) - 1)
        group, first = [0], stand[0]
        for place in stand[1:]:
            apart = place - first > near
            first = place if apart else first
            group.append(group[-1] + apart)
        counts = np.bincount(group)
        return np.bincount(group, stand) / counts, np.bincount(group, self.scores) / counts


@dataclass(frozen=True, slots=True)
class Shape:
    """How a series rises: rank correlation with scale, linearity, breakthroughness (infinite where most steps are 0).

    Over n places an even rise has n - 1 for both. ``above`` is how many models lie above what chance could give.
    """

    rho: float
    linearity: float
    breakthroughness: float
    above: int

    @property
    def sharp(self) -> bool:
        """Whether it jumps rather than climbs."""
        return self.linearity > 0 and self.breakthroughness > SHARP * self.linearity


def shape(series: Series) -> Shape:
    """Measure how a series rises."""
    places, scores = series.places()
    ways = np.diff(places)
    gain = float(scores.max() - scores.min()) * (1 if scores.argmax() >= scores.argmin() else -1)
    squares, weights = (np.diff(scores) / ways * ways.mean()) ** 2, ways / ways.sum()
    mean, median = float(np.sqrt(squares @ weights)), float(np.sqrt(_median(squares, weights)))
    linearity = gain / mean if mean else 0.0
    breakthroughness = gain / median if median else (float("inf") if gain > 0 else 0.0)
    limit = chance_band(series.chance, series.items)[1]
    return Shape(spearman(series.scale, series.scores), linearity, breakthroughness, int((series.scores > limit).sum()))


def chance_band(chance: float, items: int) -> tuple[float, float]:
    """Give where the share of right answers lies in 95 % of all cases if each is right with this probability."""
    if not items:
        return chance, chance
    if not 0 < chance < 1:
        return chance, chance
    right = np.arange(items + 1)
    ways = np.concatenate([[0.0], np.cumsum(np.log(np.arange(items, 0, -1) / np.arange(1, items + 1)))])
    share = np.cumsum(np.exp(ways + right * np.log(chance) + (items - right) * np.log1p(-chance)))
    low, high = np.searchsorted(share, [0.025, 0.975])
    return float(low) / items, float(high) / items


def spearman(left: Floats, right: Floats) -> float:
    """Give Spearman's rank correlation; ties share their mean rank; 0 where a side never changes."""
    ranks = [_ranks(side) for side in (left, right)]
    if any(rank.std() == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def judge(series: Sequence[Series]) -> Verdict:
    """Judge one task by its series under every metric."""
    if max(len(each.places()[0]) for each in series) < FEWEST:
        return "too few models"
    shapes = [(each, shape(each)) for each in series]
    smooth = [found for each, found in shapes if each.continuous]
    rough = [(each, found) for each, found in shapes if not each.continuous]
    best = max((found.rho for found in smooth or [found for _, found in rough]), key=abs)
    if best < INVERSE:
        return "inverse"
    if best < SIGNAL or (not smooth and not any(found.above for _, found in rough)):
        return "no signal"
    if not any(found.sharp or (each.items and not found.above) for each, found in rough):
        return "sharp under every metric" if smooth and all(found.sharp for found in smooth) else "smooth"
    if not smooth:
        return "sharp; no continuous metric given"
    return "sharp under every metric" if all(found.sharp for found in smooth) else "smooth under a continuous metric"


def edit_similarity(left: Sequence[int], right: Sequence[int]) -> float:
    """Give 1 minus the edit distance (Levenshtein 1966) of two lists of tokens over the longer one's length."""
    if not left and not right:
        return 1.0
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        corner, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (a != b))
    return 1 - row[-1] / max(len(left), len(right))


def brier(logprobs: Sequence[float], right: int) -> float:
    """Give the Brier score (Brier 1950) of choices weighed by their probabilities: 0 is perfect, 2 the worst."""
    values = np.asarray(logprobs, dtype=np.float64)
    share = np.exp(values - values.max())
    share /= share.sum()
    share[right] -= 1
    return float((share**2).sum())


def _median(values: Floats, weights: Floats) -> float:
    """Give the value with half of the weight below it; the mean of two where the half falls between them."""
    order = np.argsort(values)
    passed = np.cumsum(weights[order])
    below, above = np.searchsorted(passed, [0.5 - 1e-9, 0.5 + 1e-9])
    return float(values[order][below] + values[order][min(above, len(values) - 1)]) / 2


def _ranks(values: Floats) -> Floats:
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(len(values), dtype=np.float64)
    for value in np.unique(values):
        same = values == value
        ranks[same] = ranks[same].mean()
    return ranks
