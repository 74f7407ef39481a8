import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.report import units


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (units.number(1234567), "1,234,567"),
        (units.number(-1234.56), "\u22121,235"),
        (units.number(0.03125), "0.03125"),
        (units.number(1e-9), "1e-9"),
        (units.number(math.nan), "–"),
        (units.number(None), "–"),
        (units.short(999_600), "1M"),
        (units.short(1250), "1.25k"),
        (units.short(3e9), "3B"),
        (units.short(1e15), "1e15"),
        (units.short(2.5e-4), "2.5e-4"),
        (units.short(0), "0"),
        (units.size(512), "512 B"),
        (units.size(999_990), "1 MB"),
        (units.size(4.2131e9), "4.21 GB"),
        (units.duration(0.012), "12 ms"),
        (units.duration(3.4), "3.4 s"),
        (units.duration(59.96), "1 min 0 s"),
        (units.duration(192), "3 min 12 s"),
        (units.duration(7500), "2 h 5 min"),
        (units.share(1, 3), "33.3%"),
        (units.share(1, 1), "100%"),
        (units.share(99_999, 100_000), ">99.9%"),
        (units.share(1, 100_000), "<0.1%"),
        (units.share(0, 0), "–"),
        (units.measure(1204, "rows"), "1,204 rows"),
        (units.measure(12.5, "%"), "12.5%"),
        (units.measure(2048, "B"), "2.05 KB"),
        (units.pair("toy", ""), ("toy", "")),
        (units.fixed(0.25, 4), "0.2500"),
        (units.fixed(1e-9, 4), "1e-9"),
        (units.fixed(-12.0, None), "\u221212"),
    ],
)
def test_words(made: object, expected: object) -> None:
    assert made == expected


@given(st.floats())
def test_any_number_has_words(value: float) -> None:
    for word in (units.number, units.short, units.size):
        assert word(value)
