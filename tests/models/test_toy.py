"""The toy is a proper model: its probabilities add up, and it says what it has read."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.errors import DataError
from lmloop.core.model import Embeds, Generates, Sampling, Scores
from lmloop.core.record import Turn
from lmloop.core.weights import open_model, write_model
from lmloop.models.toy import END, Toy, count, read_counts, write_counts

words = st.text("ab 猫狗", max_size=8)


@given(st.lists(words.filter(bool), min_size=1, max_size=4), words, st.integers(0, 4))
def test_all_that_may_follow_has_a_probability_of_one(texts: list[str], before: str, order: int) -> None:
    toy = Toy(texts=texts, order=order)
    seen = {character for text in texts for character in text} | {END}
    prompt = (Turn("user", before),)
    shares = [math.exp(toy.score([(prompt, character)])[0].logprob or 0) for character in seen]
    assert sum(shares) == pytest.approx(1.0, abs=2e-4)
    assert toy.score([(prompt, "")])[0].logprob == 0.0


def test_it_says_what_it_has_read() -> None:
    toy = Toy(texts=["the dog sat", "猫坐着"], order=4)
    said = toy.generate([(), (Turn("user", "the dog"),)], Sampling(max_tokens=20))
    assert [reply.text for reply in said] == ["the dog sat", "sat"]
    assert not any(reply.cut for reply in said)
    likely, unlikely = toy.score([((), "the dog"), ((), "het god")])
    assert (likely.logprob or 0) > (unlikely.logprob or 0)
    assert likely.greedy
    assert not unlikely.greedy


def test_sampling_is_heeded() -> None:
    toy = Toy(order=2)
    free = [toy.generate([()], Sampling(max_tokens=30, temperature=1.0, seed=seed))[0].text for seed in range(8)]
    assert len(set(free)) > 3
    assert toy.generate([()], Sampling(max_tokens=5))[0].cut
    assert not toy.generate([()], Sampling(stop=("cat",)))[0].text.endswith("cat")
    narrow = {toy.generate([()], Sampling(10, 1.0, 1e-9, seed=seed))[0].text for seed in range(5)}
    assert len(narrow) == 1
    cold = toy.generate([()], Sampling(10, 1e-5, seed=1))[0]
    assert cold.text == toy.generate([()], Sampling(10))[0].text


def test_weights_say_who_opens_them(tmp_path: Path) -> None:
    write_counts(tmp_path, count(["数据数据"], 2))
    write_model(tmp_path, {"use": "toy", "order": 2})
    model = open_model(tmp_path)
    assert isinstance(model, Generates)
    assert isinstance(model, Scores)
    assert isinstance(model, Embeds)
    assert model.generate([()], Sampling(max_tokens=2))[0].text == "数据"
    assert read_counts(tmp_path)["数"] == {"据": 2}


@pytest.mark.parametrize("content", [None, "{", "[1]", "7"])
def test_a_folder_without_weights_is_one_message(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "model.json").write_text(content)
    with pytest.raises(DataError, match="holds no weights"):
        open_model(tmp_path)
