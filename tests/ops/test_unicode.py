import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.ops.unicode import Unicode


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("e\u0301", "é"),
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne"),
        ("\ufeffx\x00y\x1b[0m z\x1b", "xy z"),
        ("tab\tstays\n", "tab\tstays\n"),
        ("全角，ＡＢＣ", "全角，ＡＢＣ"),
    ],
)
def test_what_is_seen_stays_and_debris_goes(before, after):
    assert Unicode()([before]).texts == [after]


def test_compatibility_form_makes_full_width_plain():
    assert Unicode(form="NFKC")(["ＡＢＣ，ﬁ"]).texts == ["ABC,fi"]


@given(st.lists(st.text()))
def test_twice_is_once_and_the_form_is_right(texts):
    once = Unicode()(texts)
    assert Unicode()(once.batch).texts == once.texts
    assert all(unicodedata.is_normalized("NFC", text) for text in once.texts)
    assert not any(set(text) & set("\r\x00\ufeff\u2028") for text in once.texts)
