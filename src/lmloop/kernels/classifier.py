"""A linear classifier over hashed words and pairs of words: logistic regression, learnt by AdaGrad.

Features as in fastText (Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification": words and bigrams,
hashed); learning by Duchi et al. 2011, "Adaptive Subgradient Methods". All is in a fixed order, so training gives the
same weights every time.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from lmloop.kernels.bits import fold
from lmloop.kernels.hashing import GOLDEN, ROOT_3
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.overlap import Units
from lmloop.kernels.text import Floats

BITS = 20
RATE = 0.5
PASSES = 5


def learn(units: Units, good: npt.NDArray[np.bool_], order: npt.NDArray[np.int64]) -> Floats:
    """Learn to tell good documents from others, seen in this order, a few times over: float64 [2^BITS + 1]."""
    weights, squares = np.zeros((1 << BITS) + 1), np.zeros((1 << BITS) + 1)
    # each side has the same weight in all, however many samples there are of it
    seen = good[order]
    share = 0.5 / np.maximum([np.mean(~seen), np.mean(seen)], 1e-9)
    for _ in range(PASSES):
        _learn(units, good, order, share, weights, squares)
    return weights


def held_out_scores(units: Units, good: npt.NDArray[np.bool_], order: npt.NDArray[np.int64], folds: int = 5) -> Floats:
    """Score each document by what is learnt from those of the other folds; folds are dealt out in this order."""
    found = np.zeros(len(good))
    for part in range(folds):
        inside = np.zeros(len(good), np.bool_)
        inside[order[part::folds]] = True
        found[inside] = scores(units, learn(units, good, order[~inside[order]]))[inside]
    return found


def scores(units: Units, weights: Floats) -> Floats:
    """Give the probability that each document is good: float64 [documents]; one without a word has 0."""
    found = np.zeros(len(units.first) - 1)
    _scores(units, weights, found)
    return found


@inlined
def word_feature(units: Any, i: Any) -> Any:
    """Give the number of a word."""
    return fold(units.hash[i], GOLDEN) >> np.uint64(64 - BITS)


@inlined
def pair_feature(units: Any, i: Any) -> Any:
    """Give the number of a word and the one behind it."""
    return fold(fold(units.hash[i], ROOT_3) ^ units.hash[i + 1], GOLDEN) >> np.uint64(64 - BITS)


@inlined
def margin(units: Any, begin: Any, end: Any, weights: Any, scale: Any) -> Any:
    """Give the weighted sum of a document's features."""
    total = 0.0
    for i in range(begin, end):
        total += weights[word_feature(units, i)]
        if i + 1 < end:
            total += weights[pair_feature(units, i)]
    return total * scale + weights[-1]


@inlined
def step(weights: Any, squares: Any, feature: Any, gradient: Any) -> None:
    """Move one weight against its gradient."""
    squares[feature] += gradient * gradient
    weights[feature] -= RATE * gradient / np.sqrt(squares[feature] + 1e-8)


@compiled
def _learn(units: Any, good: Any, order: Any, share: Any, weights: Any, squares: Any) -> None:
    for document in order:
        begin, end = units.first[document], units.first[document + 1]
        if begin == end:
            continue
        scale = 1.0 / np.sqrt(2.0 * (end - begin))
        wanted = 1.0 if good[document] else 0.0
        error = 1.0 / (1.0 + np.exp(-margin(units, begin, end, weights, scale))) - wanted
        error *= share[1] if good[document] else share[0]
        for i in range(begin, end):
            step(weights, squares, word_feature(units, i), error * scale)
            if i + 1 < end:
                step(weights, squares, pair_feature(units, i), error * scale)
        step(weights, squares, np.uint64(len(weights) - 1), error)


@compiled
def _scores(units: Any, weights: Any, found: Any) -> None:
    for document in range(len(found)):
        begin, end = units.first[document], units.first[document + 1]
        if begin < end:
            scale = 1.0 / np.sqrt(2.0 * (end - begin))
            found[document] = 1.0 / (1.0 + np.exp(-margin(units, begin, end, weights, scale)))
