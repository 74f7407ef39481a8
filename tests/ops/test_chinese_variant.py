import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from op_texts import CHINESE, ENGLISH, TRADITIONAL

from lmloop.kernels.scripts import FIRST_HAN, SIMPLIFIED, variants
from lmloop.ops.chinese_script import ChineseScript
from lmloop.ops.chinese_variant import ChineseVariant

ONLY_SIMPLIFIED = "".join(chr(FIRST_HAN + place) for place, kind in enumerate(variants()) if kind == SIMPLIFIED)

PAIRED = "".join(
    before
    for before, after in zip(ONLY_SIMPLIFIED, ChineseScript(to="traditional")([*ONLY_SIMPLIFIED]).texts, strict=True)
    if before != after
)


def test_nearly_all_that_is_only_simplified_has_a_traditional_form():
    assert len(PAIRED) > 2000
    assert len(PAIRED) / len(ONLY_SIMPLIFIED) > 0.9


@pytest.mark.parametrize(
    ("text", "variant"),
    [
        (CHINESE, "simplified"),
        (TRADITIONAL, "traditional"),
        (CHINESE[:9] + TRADITIONAL[:9], "mixed"),
        (CHINESE * 30 + "「體」", "simplified"),
        ("皇后和里程", "none"),
        (ENGLISH, "none"),
        ("", "none"),
        ("国", "simplified"),
        ("國", "traditional"),
    ],
)
def test_variants(text, variant):
    assert ChineseVariant()([text]).batch.column("stats.chinese-variant.variant").to_pylist() == [variant]
    assert ChineseVariant(keep=[variant])([text]).texts == [text]
    others = [other for other in ("simplified", "traditional", "mixed", "none") if other != variant]
    assert ChineseVariant(keep=others)([text]).reasons == {"other-variant": 1}


@settings(max_examples=30)
@given(st.text(PAIRED, min_size=20, max_size=60))
def test_what_is_converted_is_recognised(text):
    batch = ChineseVariant(max_other=0.3)(ChineseScript(to="traditional")([text]).texts).batch
    assert ChineseVariant()([text]).batch.column("stats.chinese-variant.variant").to_pylist() == ["simplified"]
    assert batch.column("stats.chinese-variant.variant").to_pylist() == ["traditional"]
