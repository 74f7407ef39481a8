import json
from random import Random

import numpy as np
import pytest
from pydantic import ValidationError

from lmloop.core.errors import LmloopError
from lmloop.kernels.classifier import held_out_scores, learn, scores
from lmloop.kernels.overlap import units_of, without
from lmloop.ops.quality import Quality
from lmloop.ops.toxicity import Toxicity

GOOD = ["海洋", "科学", "研究", "说明", "the", "study", "of", "rivers", "shows", "that", "water", "moves"]
BAD = ["便宜", "立即", "购买", "click", "cheap", "deal", "win", "prize", "now", "buy", "sale"]
NEUTRAL = ["今天", "我们", "and", "with", "some", "other", "people", "they", "said", "it", "is"]


def texts(words: list[str], count: int, seed: int) -> list[str]:
    random = Random(seed)
    return [" ".join(random.choices(words, k=8) + random.choices(NEUTRAL, k=8)) for _ in range(count)]


@pytest.fixture
def files(tmp_path):
    for name, words, seed in (("good", GOOD, 1), ("bad", BAD, 2)):
        rows = [json.dumps({"text": text}, ensure_ascii=False) for text in texts(words, 60, seed)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return str(tmp_path / "good.jsonl"), str(tmp_path / "bad.jsonl")


def test_new_texts_are_told_apart_in_both_languages(files):
    good, bad = files
    new = texts(GOOD, 30, 3) + texts(BAD, 30, 4)
    op = Quality(good=[good], bad=[bad])
    assert op(new).texts == new[:30]
    assert op(["", "\x00", "。"]).reasons == {"low-score": 3}
    assert (
        op(new).batch.column("stats.quality.score").to_pylist()
        == op(new[:30]).batch.column("stats.quality.score").to_pylist()
    )


def test_held_out_samples_are_not_learnt_from(files):
    found = Quality(good=[files[0]], bad=[files[1]]).held_out()
    assert np.mean(found.kept(0.5) == found.wanted) > 0.95
    units = units_of(found.texts)
    random = np.random.RandomState(0)
    noise = random.rand(len(found.texts)) > 0.5
    order = random.permutation(len(noise)).astype(np.int64)
    blind = held_out_scores(units, noise, order)
    assert abs(np.mean((blind > 0.5) == noise) - 0.5) < 0.2, "labels by chance cannot be told"
    assert np.mean((scores(units, learn(units, noise, order)) > 0.5) == noise) > 0.9, "but they can be learnt by heart"


def test_a_side_without_samples_is_told(tmp_path, files):
    (tmp_path / "none.txt").write_text("\n\n")
    with pytest.raises(LmloopError, match="at least one text"):
        Quality(good=[files[0]], bad=[str(tmp_path / "none.txt")])(["x"])


def test_toxic_samples_train_it(files):
    harmless, toxic = files
    new = texts(GOOD, 20, 5) + texts(BAD, 20, 6)
    outcome = Toxicity(toxic=[toxic], harmless=[harmless])(new)
    assert (outcome.texts, outcome.reasons) == (new[:20], {"toxic": 20})
    found = Toxicity(toxic=[toxic], harmless=[harmless]).held_out()
    assert np.mean(found.kept(0.5) == found.wanted) > 0.95


@pytest.fixture
def listed(tmp_path):
    """A list of words, and texts: the bad ones hold two of the words among others that are typical of them."""
    (tmp_path / "words.txt").write_text("darn\n混蛋\nblast it\n", encoding="utf-8")
    random = Random(7)
    bad = [f"{text} {' '.join(random.sample(['darn', '混蛋', 'blast it'], 2))}" for text in texts(BAD, 60, 8)]
    once = [f"{text} darn" for text in texts(NEUTRAL, 20, 9)]
    (tmp_path / "any.txt").write_text("\n\n".join([*bad, *texts(GOOD, 60, 10), *once]), encoding="utf-8")
    return str(tmp_path / "words.txt"), str(tmp_path / "any.txt")


def test_a_list_of_words_is_enough_to_begin_with(listed):
    words, unlabelled = listed
    op = Toxicity(words=[words], unlabelled=[unlabelled])
    without_the_words, mentions = texts(BAD, 20, 11), [f"{text} darn 混蛋" for text in texts(GOOD, 20, 12)]
    assert op(without_the_words).reasons == {"toxic": 20}, "it finds what says the same in other words"
    assert op(mentions).texts == mentions, "and lets pass what only mentions one"
    assert len(op.held_out().texts) == 120, "texts with one of the words only are not learnt from"


def test_hidden_words_are_left_out():
    units = units_of(["a darn b", "darn", ""])
    left = without(units, units_of(["DARN"]).hash)
    assert left.first.tolist() == [0, 2, 2, 2]
    assert left.hash.tolist() == units.hash[[0, 2]].tolist()


@pytest.mark.parametrize("settings", [{}, {"toxic": [__file__]}, {"words": [__file__]}])
def test_settings_that_cannot_train_are_told(settings):
    with pytest.raises(ValidationError):
        Toxicity(**settings)
