import pytest
from hypothesis import given
from op_texts import COLUMNS

from lmloop.ops.whitespace import Whitespace


@pytest.mark.parametrize(
    ("settings", "before", "after"),
    [
        ({}, "a\u00a0b\u3000c\u2009d", "a b c d"),
        ({}, "a  \nb\t\n\n\n\nc  ", "a\nb\n\nc"),
        ({}, "a   b\t\tc", "a b c"),
        ({}, "def f():\n    return  1", "def f():\n    return 1"),
        ({"runs": False}, "a   b", "a   b"),
        ({"blank_lines": 0}, "a\n\n\nb", "a\nb"),
        ({"blank_lines": 2}, "a\n\n\n\nb", "a\n\n\nb"),
        ({"between_han": True}, "语 言 模 型 and 数 据 a 的", "语言模型 and 数据 a 的"),
        ({}, "soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ({}, " \n ", ""),
        ({}, "\x00 中", "\x00 中"),
    ],
)
def test_as_one_would_type_it(settings, before, after):
    assert Whitespace(**settings)([before]).texts == [after]


@given(COLUMNS)
def test_nothing_but_white_space_changes(texts):
    unseen = str.maketrans(dict.fromkeys("\u200b\u2060\u00ad"))
    for before, after in zip(texts, Whitespace()(texts).texts, strict=True):
        assert "".join(before.translate(unseen).split()) == "".join(after.split())
