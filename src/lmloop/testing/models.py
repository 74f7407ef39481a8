"""The battery for models."""

import math
from collections.abc import Sequence
from typing import Any

from lmloop.core.model import Embeds, Generates, Prompt, Reply, Sampling, Scores
from lmloop.core.part import Part
from lmloop.core.record import Turn
from lmloop.testing.parts import blaming, check_part

PROMPTS: tuple[Prompt, ...] = (
    (Turn("user", "What is the capital of France, and of Germany, and of Italy, please?"),),
    (Turn("system", "Answer in one word."), Turn("user", "法国的首都是哪里？")),
    (Turn("user", ""),),
)
SAMPLING = Sampling(max_tokens=8)


def check_model(model: Part) -> None:
    """Run the battery on a model; it really asks the model, in few words.

    It must be documented and made again from its own settings; have at least one power; and answer each item in
    order, the same each time where nothing is left to chance.
    """
    check_part(model, "models")
    powers = [power for power in (Generates, Scores, Embeds) if isinstance(model, power)]
    assert powers, f"{model.name()}: a model needs at least one of generate, score and embed"
    with blaming(model):
        if isinstance(model, Generates):
            _check_generate(model.name(), model)
        if isinstance(model, Scores):
            _check_score(model.name(), model)
        if isinstance(model, Embeds):
            _check_embed(model.name(), model)


def _check_generate(name: str, model: Generates) -> None:
    replies = model.generate(PROMPTS, SAMPLING)
    _check_replies(f"{name}: generate", replies, len(PROMPTS))
    assert replies == model.generate(PROMPTS, SAMPLING), f"{name}: generate is not repeatable at temperature 0"
    heard: dict[int, Reply] = {}
    model.generate(PROMPTS, SAMPLING, heard.__setitem__)
    assert heard == dict(enumerate(replies)), f"{name}: generate does not tell `done` of each place and reply"
    for reply in replies:
        assert reply.tokens <= SAMPLING.max_tokens, f"{name}: generate wrote more than max_tokens"
    assert model.generate([], SAMPLING) == [], f"{name}: generate of no prompts gives replies"


def _check_score(name: str, model: Scores) -> None:
    pairs = [(prompt, text) for prompt in PROMPTS for text in ("Paris", "巴黎")]
    replies = model.score(pairs)
    _check_replies(f"{name}: score", replies, len(pairs))
    for reply in replies:
        assert reply.logprob is not None, f"{name}: score gives a reply without a log-probability"
        assert math.isfinite(reply.logprob), f"{name}: score gives {reply.logprob}"
        assert reply.logprob <= 0, f"{name}: score gives {reply.logprob}, which is no log-probability"
    assert replies == model.score(pairs), f"{name}: score is not repeatable"
    heard: dict[int, Reply] = {}
    model.score(pairs, heard.__setitem__)
    assert heard == dict(enumerate(replies)), f"{name}: score does not tell `done` of each place and reply"
    assert model.score([]) == [], f"{name}: score of no pairs gives replies"


def _check_embed(name: str, model: Embeds) -> None:
    texts = ["fox", "狐狸", ""]
    vectors = model.embed(texts)
    assert len(vectors) == len(texts), f"{name}: embed gives {len(vectors)} vectors for {len(texts)} texts"
    assert len({len(vector) for vector in vectors}) == 1, f"{name}: embed gives vectors of several lengths"
    assert all(map(math.isfinite, (x for vector in vectors for x in vector))), f"{name}: embed gives no numbers"
    assert vectors == model.embed(texts), f"{name}: embed is not repeatable"


def _check_replies(what: str, replies: Sequence[Any], count: int) -> None:
    assert len(replies) == count, f"{what} gives {len(replies)} replies for {count}"
    wrong = [type(reply).__name__ for reply in replies if not isinstance(reply, Reply)]
    assert not wrong, f"{what} gives {wrong[0] if wrong else ''}, not Reply"
