"""The kernels are held to the definitions in tests/kernels; here, that settings reach them."""

import pytest

from lmloop.kernels.repetition import RepetitionThresholds
from lmloop.ops.gopher_quality import GopherQuality
from lmloop.ops.gopher_repetition import GopherRepetition

PROSE = "The people of the town have been with us and that is all that we know to be true of them. "
CHINESE = "我们在海边走了很久，天气不好，但是大家都有自己的想法和目标，没有人要回去。"


def test_prose_stays_in_both_languages():
    assert len(GopherQuality()([PROSE * 4, CHINESE * 4]).texts) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "too-few-words"),
        (PROSE, "too-few-words"),
        ("# " * 30 + PROSE * 4, "hash-symbols"),
        (CHINESE, "too-few-words"),
    ],
)
def test_each_rule_gives_its_reason(text, reason):
    assert GopherQuality()([text]).reasons == {reason: 1}


def test_settings_move_the_threshold():
    assert GopherQuality(min_words=5)([PROSE]).texts == [PROSE]
    assert GopherQuality(min_stop_words=9)([PROSE * 4]).reasons == {"few-stop-words": 1}


def test_repetition_is_dropped_and_can_be_allowed():
    lines = "\n".join(["the same line again and again"] * 10)
    assert GopherRepetition()([lines]).reasons == {"duplicate-lines": 1}
    allowed = {name: 1.0 for name in RepetitionThresholds._fields}
    assert GopherRepetition(**allowed)([lines]).texts == [lines]


def test_statistics_are_kept_beside_the_text():
    names = GopherQuality()([PROSE * 4]).batch.schema.names
    assert "stats.gopher-quality.words" in names
    assert "stats.gopher-quality.cjk_share" in names
