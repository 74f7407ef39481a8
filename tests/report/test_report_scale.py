import math

from hypothesis import assume, given
from hypothesis import strategies as st

from lmloop.report.scale import Scale, fit

REACH = st.floats(-1e12, 1e12)


def labels(scale: Scale) -> list[str]:
    return [label for _, label in scale.ticks()]


def test_round_values() -> None:
    assert labels(fit([3, 97], Scale(0, 1), zero=True, rounded=True)) == ["0", "20", "40", "60", "80", "100"]
    assert labels(fit([0.1, 0.3], Scale(0, 1), zero=False, rounded=True)) == [
        "0.1",
        "0.15",
        "0.2",
        "0.25",
        "0.3",
    ]
    assert labels(fit([20, 30_000], Scale(0, 1, log=True), zero=False, rounded=False)) == [
        *("30", "100", "300", "1k", "3k", "10k", "30k")
    ]


def test_marks_of_a_short_range_far_from_zero_are_told_apart() -> None:
    assert labels(Scale(99.4, 101.3)) == ["99.5", "100", "100.5", "101"]
    assert labels(Scale(-12345.9, -12344.1)) == ["−12,345.5", "−12,345", "−12,344.5"]
    assert labels(Scale(4_000_000, 4_020_000)) == ["4,000,000", "4,005,000", "4,010,000", "4,015,000", "4,020,000"]


def test_log_has_no_place_for_zero() -> None:
    scale = fit([0, -5, 1, 1000], Scale(0, 1, log=True), zero=False, rounded=True)
    assert (scale.low, scale.high) == (1, 1000)
    assert [scale.at(value) for value in (-1, 0, 1, 1000)] == [0, 0, 0, 100]


@given(st.lists(REACH | st.none() | st.just(math.nan), max_size=6), st.booleans(), st.booleans(), st.booleans())
def test_every_scale_holds_its_values(values: list[float | None], log: bool, zero: bool, rounded: bool) -> None:
    # Subnormal differences leave no room for round values between them, and no chart is made of them.
    found = [abs(value) for value in values if value and not math.isnan(value)]
    assume(all(value > 1e-100 for value in found))
    scale = fit(values, Scale(0, 1, log), zero, rounded)
    assert scale.low < scale.high
    values = [value for value in values if value is not None and not math.isnan(value)]
    assert all(0 <= scale.at(value) <= 100 for value in values if value is not None)
    ticks = scale.ticks()
    assert len(ticks) <= 14
    assert all(-1e-6 <= place <= 100 + 1e-6 for place, _ in ticks)
