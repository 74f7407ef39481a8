"""Times, rates, lengths and limits as people write them."""

import numpy as np
import pytest

from lmloop.loadtest.amounts import Limit, Stretch, lengths, limit, rates, seconds


@pytest.mark.parametrize(
    ("told", "found"), [("300ms", 0.3), ("2min", 120.0), ("1.5", 1.5), (4, 4.0), ("30 s", 30.0), ("1h", 3600.0)]
)
def test_times(told: str, found: float) -> None:
    assert seconds(told) == pytest.approx(found)


@pytest.mark.parametrize("told", ["", "soon", "-3s", "3 days", True])
def test_what_is_no_time(told: object) -> None:
    with pytest.raises(ValueError, match="no time"):
        seconds(told)


def test_rates_are_steady_a_ramp_or_steps() -> None:
    assert rates("10", 30) == (Stretch(30, 10, 10),)
    assert rates("1..20", 30) == (Stretch(30, 1, 20),)
    assert rates("2,4,8", 30) == (Stretch(10, 2, 2), Stretch(10, 4, 4), Stretch(10, 8, 8))


@pytest.mark.parametrize("told", ["", "fast", "0", "-1", "1..2..3", "2,,3"])
def test_what_are_no_rates(told: str) -> None:
    with pytest.raises(ValueError, match="no rates"):
        rates(told, 1)


def test_limits_name_a_measure_and_a_time() -> None:
    assert limit("ttft=300ms") == Limit("ttft", 0.3, 99)
    assert limit("itl:p90 <= 50ms") == Limit("itl", 0.05, 90)
    assert str(limit("itl:p90=50ms")) == "itl p90 <= 50 ms"
    for wrong in ("speed=3s", "ttft", "ttft=soon", "ttft:p100=1s"):
        with pytest.raises(ValueError, match=r"no limit|no time|percentile"):
            limit(wrong)


@pytest.mark.parametrize(
    ("told", "mean", "least", "most"),
    [
        ("512", 512, 512, 512),
        ("100..900", 500, 100, 900),
        ("normal:500:50", 500, 200, 800),
        ("exponential:500", 500, 1, 9000),
    ],
)
def test_lengths_follow_their_distribution(told: str, mean: float, least: int, most: int) -> None:
    drawn = lengths(told).draw(4000, np.random.default_rng(7))
    assert min(drawn) >= least
    assert max(drawn) <= most
    assert np.mean(drawn) == pytest.approx(mean, rel=0.05)


def test_the_median_of_a_lognormal_is_what_is_written() -> None:
    drawn = lengths("lognormal:300:0.8").draw(4000, np.random.default_rng(7))
    assert np.median(drawn) == pytest.approx(300, rel=0.07)


@pytest.mark.parametrize("told", ["", "long", "0", "9..3", "normal:5", "gauss:1:2"])
def test_what_is_no_length(told: str) -> None:
    with pytest.raises(ValueError, match="no length"):
        lengths(told)
