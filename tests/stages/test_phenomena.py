import json

import numpy as np
import pytest

from lmloop import run
from lmloop.kernels.phenomena.double_descent import Features, sweep
from lmloop.kernels.phenomena.grokking import Sums, learn
from lmloop.stages.double_descent import DoubleDescent
from lmloop.stages.grokking import Grokking
from lmloop.testing import check_step


@pytest.mark.parametrize("step", [Grokking, DoubleDescent])
def test_passes_the_battery(step):
    check_step(step.example())


def test_sums_are_known_by_heart_long_before_they_are_understood(tmp_path):
    done = run({"name": "t", "step": [{"id": "sums", "use": "grokking", "seen": 0.5, "steps": 700}]}, home=tmp_path)
    metrics = done["sums"].card.metrics
    assert metrics["by_heart"] * 3 < metrics["understood"]
    assert metrics["unseen with weight decay"] > 0.95
    assert metrics["unseen without"] < 0.7


def test_its_gradient_is_the_slope_of_the_error():
    from lmloop.kernels.phenomena import grokking

    chance = np.random.default_rng(0)
    pairs = np.array([(0, 1), (2, 2), (1, 4)])
    weights = [chance.normal(size=size) for size in ((5, 3), (5, 3), (3, 5))]
    numbers = np.eye(5)

    def error():
        hidden = weights[0][pairs[:, 0]] + weights[1][pairs[:, 1]]
        return ((hidden**2 @ weights[2] - numbers[pairs.sum(axis=1) % 5]) ** 2).sum() / len(pairs)

    for weight, slope in zip(weights, grokking._gradients(weights, pairs, numbers, 5), strict=True):
        for place in ((0, 0), (2, 1)):
            before = weight[place]
            weight[place] = before + 1e-6
            up = error()
            weight[place] = before - 1e-6
            down = error()
            weight[place] = before
            assert (up - down) / 2e-6 == pytest.approx(slope[place], rel=1e-4, abs=1e-6)


def test_the_same_seed_gives_the_same_course():
    first, again = (learn(Sums(prime=5, hidden=8, steps=30)) for _ in range(2))
    assert (first.weights == again.weights).all()


def test_the_error_peaks_where_features_and_points_are_as_many(tmp_path):
    settings = {"points": 40, "widths": 12, "widest": 400, "repeats": 10, "inputs": 10}
    recipe = {"name": "t", "step": [{"id": "widths", "use": "double-descent", **settings}]}
    done = run(recipe, home=tmp_path)["widths"]
    assert done.card.metrics["peak"] == 40
    assert done.card.metrics["widest"] < done.card.metrics["error_at_peak"] / 3
    found = json.loads((done.path / "errors.json").read_text())
    place = found["plain"]["widths"].index(40)
    assert found["ridge"]["test"][place] < found["plain"]["test"][place] / 2


def test_a_model_as_wide_as_its_points_knows_them_by_heart():
    errors = sweep(Features(points=20, inputs=5, repeats=2), np.array([5, 20, 60]), 0.0)
    assert errors.train[0] > 1e-3
    assert errors.train[2] < 1e-12
