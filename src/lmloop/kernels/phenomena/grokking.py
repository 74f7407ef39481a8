"""Grokking: a network that knows its training set by heart and, long after, understands (Power et al. 2022).

The task is addition modulo a prime. The network is that of Gromov 2023, "Grokking modular arithmetic": the sum of an
embedding of each number, squared, and a matrix to the answers. It is trained on all training pairs at once by AdamW
(Loshchilov and Hutter 2019), on the squared error: without weight decay it stays with what it has by heart.

Shape letters: P numbers, N pairs, H hidden units.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lmloop.kernels.scaling.points import Floats, Ints

Array: TypeAlias = npt.NDArray[np.floating[Any]]
BETAS = (0.9, 0.98)


@dataclass(frozen=True, slots=True)
class Sums:
    """What is learnt and how: numbers below ``prime``, the share of pairs that is seen, the network, the training.

    ``spread`` is the deviation of the first weights times the root of the hidden units; begun small, the network hardly
    learns by heart at all before it understands (Liu et al. 2022, "Omnigrok").
    """

    prime: int = 31
    seen: float = 0.4
    hidden: int = 128
    spread: float = 1.5
    rate: float = 0.01
    decay: float = 1.0
    steps: int = 3000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Course:
    """How a training went, at each step that was looked at: shares of right sums, seen and unseen, and the weights."""

    steps: Ints
    seen: Floats
    unseen: Floats
    weights: Floats


def learn(sums: Sums, looks: int = 200, heard: Callable[[float], None] = lambda steps: None) -> Course:
    """Train, and look ``looks`` times; ``heard`` is told of each step."""
    chance = np.random.default_rng(sums.seed)
    every = np.array([(a, b) for a in range(sums.prime) for b in range(sums.prime)])
    order = chance.permutation(len(every))
    cut = round(sums.seen * len(every))
    seen, unseen = every[order[:cut]], every[order[cut:]]
    sizes = ((sums.prime, sums.hidden), (sums.prime, sums.hidden), (sums.hidden, sums.prime))
    weights: list[Array] = [
        chance.normal(0, sums.spread / np.sqrt(sums.hidden), size).astype(np.float32) for size in sizes
    ]
    moments: list[tuple[Array, Array]] = [(np.zeros_like(weight), np.zeros_like(weight)) for weight in weights]
    numbers: Array = np.eye(sums.prime, dtype=np.float32)
    looked = np.unique(np.geomspace(1, sums.steps, looks).astype(np.int64))
    rows = []
    for step in range(1, sums.steps + 1):
        gradients = _gradients(weights, seen, numbers, sums.prime)
        for weight, gradient, moment in zip(weights, gradients, moments, strict=True):
            _adamw(weight, gradient, moment, step, sums)
        if step in looked:
            length = float(np.sqrt(sum(float((weight**2).sum()) for weight in weights)))
            rows.append((right(weights, seen, sums.prime), right(weights, unseen, sums.prime), length))
        heard(1)
    columns = np.array(rows).T
    return Course(looked, columns[0], columns[1], columns[2])


def right(weights: list[Array], pairs: Ints, prime: int) -> float:
    """Give the share of pairs whose sum is right."""
    hidden_NH = weights[0][pairs[:, 0]] + weights[1][pairs[:, 1]]
    said_N = ((hidden_NH**2) @ weights[2]).argmax(axis=1)
    return float(np.mean(said_N == pairs.sum(axis=1) % prime))


def _gradients(weights: list[Array], pairs: Ints, numbers: Array, prime: int) -> list[Array]:
    """Give the gradient of the mean squared error, times the number of answers."""
    first_NP, second_NP = numbers[pairs[:, 0]], numbers[pairs[:, 1]]
    hidden_NH = weights[0][pairs[:, 0]] + weights[1][pairs[:, 1]]
    squared_NH = hidden_NH**2
    off_NP = squared_NH @ weights[2] - numbers[pairs.sum(axis=1) % prime]
    off_NP *= 2 / len(pairs)
    back_NH = 2 * hidden_NH * (off_NP @ weights[2].T)
    return [first_NP.T @ back_NH, second_NP.T @ back_NH, squared_NH.T @ off_NP]


def _adamw(weight: Array, gradient: Array, moment: tuple[Array, Array], step: int, sums: Sums) -> None:
    first, second = moment
    first += (1 - BETAS[0]) * (gradient - first)
    second += (1 - BETAS[1]) * (gradient**2 - second)
    size = np.sqrt(second / (1 - BETAS[1] ** step)) + 1e-8
    weight -= sums.rate * (first / (1 - BETAS[0] ** step) / size + sums.decay * weight)
