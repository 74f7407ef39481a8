import pytest
from hypothesis import given
from hypothesis import strategies as st
from op_texts import CHINESE, ENGLISH, TRADITIONAL

from lmloop.ops.chinese_script import ChineseScript


@pytest.mark.parametrize(
    ("to", "before", "after"),
    [
        ("simplified", TRADITIONAL, CHINESE),
        ("traditional", CHINESE, TRADITIONAL.replace("為", "爲")),
        ("hong-kong", CHINESE, TRADITIONAL),
        ("traditional", "头发发展，皇后在后面", "頭髮發展，皇后在後面"),
        ("taiwan", "软件和网络", "軟體和網路"),
        ("hong-kong", "里面", "裏面"),
        ("simplified-from-taiwan", "軟體和網路", "软件和网络"),
        ("simplified", ENGLISH, ENGLISH),
        ("simplified", "", ""),
        ("simplified", "體\x00裡", "体\x00里"),
    ],
)
def test_phrases_are_converted(to, before, after):
    assert ChineseScript(to=to)([before]).texts == [after]


@given(st.lists(st.text("abc 。，\n\x00é", max_size=20)))
def test_what_has_no_han_is_not_touched(texts):
    assert ChineseScript(to="taiwan")(texts).texts == texts
