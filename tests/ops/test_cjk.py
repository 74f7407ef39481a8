import re

import pytest
from hypothesis import given
from op_texts import CHINESE, COLUMNS, ENGLISH

from lmloop.ops.cjk import Cjk


def shares(text: str) -> tuple[float, float]:
    outcome = Cjk()([text]).batch
    return outcome.column("stats.cjk.han")[0].as_py(), outcome.column("stats.cjk.cjk")[0].as_py()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0)),
        ("abc", (0, 0)),
        ("中文，123", (1, 1)),
        ("中a文b", (0.5, 0.5)),
        ("漢字かな", (0.5, 1)),
        ("한국 ab", (0, 0.5)),
        ("𠀀々〇", (1, 1)),
    ],
)
def test_shares_are_of_letters(text, expected):
    assert shares(text) == expected


@given(COLUMNS)
def test_limits_are_on_the_shares(texts):
    kept = [text for text in texts if shares(text)[0] >= 0.3 and shares(text)[1] <= 0.9]
    assert Cjk(min_han=0.3, max_cjk=0.9)(texts).texts == kept


def test_reasons():
    outcome = Cjk(min_han=0.3, min_cjk=0.5, max_cjk=0.9)([ENGLISH, "漢字a kana b kanab", "汉字" + "a", CHINESE])
    assert outcome.dropped.column("drop.reason").to_pylist() == ["little-han", "little-han", "much-cjk"]
    assert re.search("[a-z]", outcome.texts[0])
