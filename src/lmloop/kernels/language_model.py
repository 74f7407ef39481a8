"""An n-gram language model: interpolated Witten-Bell smoothing over units in a hash table.

Witten and Bell 1991, "The Zero-Frequency Problem"; as Chen and Goodman 1998, "An Empirical Study of Smoothing
Techniques for Language Modeling", section 2.4: what follows a context h with T(h) different units has the probability
``(c(h w) + T(h) p(w | shorter h)) / (c(h) + T(h))``. Below unigrams all units that were seen and one that stands for
all others are equally likely. n-grams are told apart by 64-bit hashes.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.kernels.bits import fold
from lmloop.kernels.hashing import GOLDEN, ROOT_3
from lmloop.kernels.jit import compiled, inlined
from lmloop.kernels.overlap import Units
from lmloop.kernels.text import Floats, Hashes

EMPTY = np.uint64(GOLDEN)  # the key of the context of no units


class NgramModel(NamedTuple):
    """A trained model.

    For each n-gram in ``keys`` uint64 [slots] (0: free) how often it came (``times``), how often
    something came behind it (``total``), and how many different things (``kinds``): int32 [slots] each; ``order`` is n.
    """

    keys: Hashes
    times: npt.NDArray[np.int32]
    total: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.int32]
    order: int


def train(units: Units, order: int = 3) -> NgramModel:
    """Count the n-grams of some texts."""
    size = max(16, 1 << int(1.5 * order * (len(units.hash) + 1) + 1).bit_length())
    numbers = np.zeros((3, size), np.int32)
    model = NgramModel(np.zeros(size, np.uint64), numbers[0], numbers[1], numbers[2], order)
    _train(units, model)
    return model


def surprise(units: Units, model: NgramModel) -> Floats:
    """Give the mean surprise of each document's units in nats, float64; its exponential is the perplexity."""
    means = np.zeros(len(units.first) - 1)
    _surprise(units, model, means)
    return means


@inlined
def find(key: Any, keys: Any) -> Any:
    """Give the slot of an n-gram, or the free one where it belongs."""
    mask = np.uint64(len(keys) - 1)
    slot = key & mask
    while keys[slot] != 0 and keys[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return slot


@inlined
def extend(key: Any, units: Any, i: Any) -> Any:
    """Give the key of an n-gram with the unit ``i`` put before it: contexts are read backwards."""
    return fold(key ^ units.hash[i], ROOT_3) | np.uint64(1)


@compiled
def _train(units: Any, model: Any) -> None:
    for document in range(len(units.first) - 1):
        begin = units.first[document]
        for i in range(begin, units.first[document + 1]):
            context = EMPTY
            for back in range(model.order):
                if i - back < begin:
                    break
                if back > 0:
                    context = extend(context, units, i - back)
                below = find(context, model.keys)
                model.keys[below] = context
                gram = fold(context ^ units.hash[i], GOLDEN) | np.uint64(1)
                slot = find(gram, model.keys)
                if model.keys[slot] == 0:
                    model.keys[slot] = gram
                    model.kinds[below] += 1
                model.times[slot] += 1
                model.total[below] += 1


@inlined
def probability(units: Any, i: Any, begin: Any, model: Any) -> Any:
    """Give the probability of the unit ``i`` behind those before it."""
    context, p = EMPTY, 1.0
    for back in range(model.order):
        if i - back < begin:
            break
        if back > 0:
            context = extend(context, units, i - back)
        below = find(context, model.keys)
        kinds, total = float(model.kinds[below]), float(model.total[below])
        if model.keys[below] == 0:
            break
        if back == 0:
            p = 1.0 / (kinds + 1.0)
        slot = find(fold(context ^ units.hash[i], GOLDEN) | np.uint64(1), model.keys)
        count = float(model.times[slot]) if model.keys[slot] != 0 else 0.0
        p = (count + kinds * p) / (total + kinds)
    return p


@compiled
def _surprise(units: Any, model: Any, means: Any) -> None:
    for document in range(len(means)):
        begin, end, sum_ = units.first[document], units.first[document + 1], 0.0
        for i in range(begin, end):
            sum_ -= np.log(probability(units, i, begin, model))
        means[document] = sum_ / max(end - begin, 1)
