"""The packaged model as it is; and that windows of a long text lose nothing."""

import pytest

from lmloop.kernels.languages import recognise
from lmloop.ops.language import Language

TEXTS = {
    "en": "The people of the town have been with us, and that is all that we know to be true of them.",
    "zh": "我们在海边走了很久，天气不好，但是大家都有自己的想法和目标。",
    "ja": "私たちは海辺を長い間歩きました。天気は悪かったけれど、誰も帰ろうとしませんでした。",
    "ko": "우리는 바닷가를 오랫동안 걸었다. 날씨는 나빴지만 아무도 돌아가려 하지 않았다.",
    "de": "Wir sind lange am Meer entlanggegangen, und niemand wollte wieder nach Hause zurückkehren.",
    "ru": "Мы долго шли вдоль моря, погода была плохая, но никто не хотел возвращаться домой.",
}


def test_languages_are_recognised_and_kept():
    outcome = Language()(list(TEXTS.values()))
    assert outcome.batch.column("stats.language.language").to_pylist() == list(TEXTS)
    assert Language(keep=["en", "zh"])(list(TEXTS.values())).texts == [TEXTS["en"], TEXTS["zh"]]
    assert Language(keep=["en"])(list(TEXTS.values())).reasons == {"other-language": 5}


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\x00", "...", "123"])
def test_what_has_no_language_is_unsure(text):
    assert Language(min_score=0.9)([text]).reasons == {"unsure": 1}


@pytest.mark.parametrize("text", TEXTS.values())
def test_a_short_text_is_read_whole(text):
    language, score = recognise(text)
    batch = Language(min_score=0)([text]).batch
    assert batch.column("stats.language.language")[0].as_py() == language
    assert batch.column("stats.language.score")[0].as_py() == pytest.approx(score, abs=1e-6)


@pytest.mark.parametrize(("language", "text"), TEXTS.items())
def test_a_long_text_is_recognised_by_its_windows(language, text):
    long = (text + "\n") * 400
    few = Language(min_score=0)([long]).batch
    assert few.column("stats.language.language").to_pylist() == [language]


def test_a_long_text_is_read_from_beginning_to_end():
    text = TEXTS["en"] * 20 + TEXTS["zh"] * 200
    assert Language(min_score=0)([text]).batch.column("stats.language.language").to_pylist() == ["zh"]
