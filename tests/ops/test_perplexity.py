"""The n-gram model against the formula of interpolated Witten-Bell smoothing, written plainly."""

import math
import re
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from op_texts import CHINESE, ENGLISH

from lmloop.core.errors import LmloopError
from lmloop.kernels.language_model import surprise, train
from lmloop.kernels.overlap import units_of
from lmloop.ops.perplexity import Perplexity

WORDS = st.lists(st.sampled_from("ab中文"), max_size=12).map(" ".join)


class Plain:
    """c(h w) + T(h) p(w | shorter h), over c(h) + T(h); below unigrams all seen units and one other are alike."""

    def __init__(self, texts: list[list[str]], order: int) -> None:
        self.order, self.behind = order, defaultdict(Counter)
        for units in texts:
            for i, unit in enumerate(units):
                for n in range(min(order, i + 1)):
                    self.behind[tuple(units[i - n : i])][unit] += 1

    def probability(self, context: tuple[str, ...], unit: str) -> float:
        counts = self.behind.get(context)
        if counts is None:
            return self.probability(context[1:], unit)
        shorter = self.probability(context[1:], unit) if context else 1 / (len(counts) + 1)
        return (counts[unit] + len(counts) * shorter) / (counts.total() + len(counts))

    def surprise(self, units: list[str]) -> float:
        total = 0.0
        for i, unit in enumerate(units):
            total -= math.log(self.probability(tuple(units[max(0, i - self.order + 1) : i]), unit))
        return total / max(len(units), 1)


@given(st.lists(WORDS, min_size=1, max_size=6), st.lists(WORDS, max_size=4), st.integers(1, 4))
def test_it_is_the_formula(good, texts, order):
    plain = Plain([text.split() for text in good], order)
    if not any(good):
        return
    found = surprise(units_of(texts), train(units_of(good), order))
    assert found.tolist() == pytest.approx([plain.surprise(text.split()) for text in texts])


@given(st.lists(WORDS, min_size=1, max_size=6), WORDS)
def test_probabilities_add_up_to_one(good, before):
    plain = Plain([text.split() for text in good], 3)
    seen = list(plain.behind[()])
    context = tuple(before.split()[-2:])
    if seen:
        assert sum(plain.probability(context, unit) for unit in [*seen, "never"]) == pytest.approx(1)


@pytest.fixture
def good(tmp_path):
    sentences = re.split(r"(?<=[.。]) ?", f"{ENGLISH} {CHINESE}")
    (tmp_path / "good.txt").write_text("\n\n".join(sentences * 3), encoding="utf-8")
    return str(tmp_path / "good.txt")


def test_limits_are_on_the_perplexity(good):
    texts = ["the people of the town", "zxq vbn kjh", "大家都有自己的想法", "龘龘龘龘龘"]
    outcome = Perplexity(good=[good], max_perplexity=50)(texts)
    assert outcome.texts == [texts[0], texts[2]]
    assert outcome.reasons == {"too-surprising": 2}
    assert Perplexity(good=[good], min_perplexity=50)(texts).reasons == {"too-familiar": 2}


def test_held_out_texts_are_scored_by_a_model_of_the_others(good):
    found = Perplexity(good=[good]).held_out()
    assert found.wanted.all()
    assert len(found.texts) == len(found.scores) >= 9
    assert found.scores.max() < 500, "each sentence is there three times, so others hold it"


def test_nothing_to_learn_from_is_told(tmp_path):
    (tmp_path / "empty.txt").write_text("  \n")
    with pytest.raises(LmloopError, match="there is no word in empty"):
        Perplexity(good=[str(tmp_path / "empty.txt")])(["x"])
