"""Local models tell each token's probability, and write piece by piece, as they score and write whole."""

from collections.abc import Callable

import pytest

from lmloop.core.model import Sampling, finished, text_prompt
from lmloop.core.record import Turn
from lmloop.models.lmloop import Lmloop
from lmloop.models.openai import OpenAI
from lmloop.models.transformers import Transformers
from lmloop.serving.local import address

PAIRS = [(text_prompt("the cat"), " sat 坐着"), ((Turn("user", "猫"),), " and"), (text_prompt("a"), "b")]
LONG = [(text_prompt("a"), " 👩‍👩‍👧 l'été,\n\n  猫坐在垫子上。 The cat sat.")]


@pytest.fixture(scope="module", params=[Lmloop.example, Transformers.example])
def tiny(request: pytest.FixtureRequest) -> Lmloop | Transformers:
    make: Callable[[], Lmloop | Transformers] = request.param
    return make()


def test_tokens_add_up_to_the_text_and_its_score(tiny: Lmloop | Transformers) -> None:
    asked = [*PAIRS, *LONG]
    for (_, text), tokens, reply in zip(asked, tiny.trace(asked), tiny.score(asked), strict=True):
        assert "".join(token.text for token in tokens) == text
        assert len(tokens) == reply.tokens
        assert sum(token.logprob or 0.0 for token in tokens) == pytest.approx(reply.logprob, abs=1e-4)


def test_a_stream_is_the_reply_in_pieces(tiny: Lmloop | Transformers) -> None:
    for sampling in (Sampling(max_tokens=12), Sampling(max_tokens=12, temperature=1.0, seed=3, stop=("e",))):
        [whole] = tiny.generate([text_prompt("the")], sampling)
        assert "".join(tiny.stream(text_prompt("the"), sampling)) == whole.text
        assert finished(tiny.stream(text_prompt("the"), sampling)) == whole


def test_who_stops_listening_ends_it(tiny: Lmloop | Transformers) -> None:
    pieces = tiny.stream(text_prompt("the"), Sampling(max_tokens=60, temperature=1.0))
    next(pieces)
    pieces.close()
    assert tiny.score(PAIRS)[0].logprob is not None


def test_from_afar_the_scores_are_the_same(tiny: Lmloop | Transformers) -> None:
    far = OpenAI(model="tiny", url=address(tiny, "tiny"))
    pairs = [pair for pair in PAIRS if isinstance(pair[0][0], Turn) and pair[0][0].role == "text"]
    for near, told in zip(tiny.score(pairs), far.score(pairs), strict=True):
        assert told.logprob == pytest.approx(near.logprob, abs=1e-3)
        assert told.tokens == near.tokens
