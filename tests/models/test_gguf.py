"""llama.cpp judges a text alike however it is asked, and its tokens put together are the text."""

import math
import os
from pathlib import Path

import pytest

from lmloop.core.errors import DataError
from lmloop.core.model import Reply, Sampling, Writing, finished, text_prompt
from lmloop.core.record import Turn
from lmloop.models.gguf import Gguf
from lmloop.models.openai import OpenAI
from lmloop.models.transformers import Transformers
from lmloop.serving.local import address

PAIRS = [
    (text_prompt(before), text) for before in ("the cat", "the cat sat", "猫", "") for text in (" sat", "坐着", "q")
]


@pytest.fixture(scope="module")
def tiny() -> Gguf:
    pytest.importorskip("gguf")
    return Gguf.example()


def test_side_by_side_or_alone_the_scores_are_the_same(tiny: Gguf) -> None:
    tiny.generate([text_prompt("the cat")] * 3, Sampling(max_tokens=5))
    together = tiny.score(PAIRS)
    for pair, reply in zip(PAIRS, together, strict=True):
        [alone] = tiny.score([pair])
        assert alone.logprob == pytest.approx(reply.logprob, abs=1e-3)
        assert (alone.tokens, alone.prompt_tokens) == (reply.tokens, reply.prompt_tokens)
        assert alone.tokens == len(pair[1].encode())


def test_tokens_add_up_to_the_text_and_its_score(tiny: Gguf) -> None:
    pairs = [pair for pair in PAIRS if pair[0] != text_prompt("")]
    for (_, text), tokens, reply in zip(pairs, tiny.trace(pairs), tiny.score(pairs), strict=True):
        assert "".join(token.text for token in tokens) == text
        assert sum(token.logprob or 0 for token in tokens) == pytest.approx(reply.logprob, abs=1e-4)
    [[first, *rest]] = tiny.trace([(text_prompt(""), "the")])
    assert (first.logprob, len(rest)) == (None, 2)


def test_from_afar_the_scores_are_the_same(tiny: Gguf) -> None:
    far = OpenAI(model="tiny", url=address(tiny, "tiny"))
    pairs = [pair for pair in PAIRS if pair[0] != text_prompt("")]
    for near, told in zip(tiny.score(pairs), far.score(pairs), strict=True):
        assert told.logprob == pytest.approx(near.logprob, abs=1e-3)
        assert told.tokens == near.tokens


def test_all_next_bytes_have_a_probability_of_one(tiny: Gguf) -> None:
    chances = [reply.logprob for reply in tiny.score([(text_prompt("the"), chr(byte)) for byte in range(33, 127)])]
    assert 0 < sum(math.exp(chance or 0) for chance in chances) <= 1.0


def test_a_stream_is_the_reply_in_pieces(tiny: Gguf) -> None:
    prompt, sampling = text_prompt("the"), Sampling(max_tokens=12)
    [whole] = tiny.generate([prompt], sampling)
    assert "".join(tiny.stream(prompt, sampling)) == whole.text
    reply: Reply = finished(tiny.stream(prompt, sampling))
    assert (reply.text, reply.tokens, reply.cut) == (whole.text, whole.tokens, whole.cut)


def test_more_prompts_than_rows_come_back_in_order(tiny: Gguf) -> None:
    prompts = [text_prompt(f"{number} and then") for number in range(9)]
    few = tiny.model_copy(update={"rows": 3})
    assert [reply.text for reply in few.generate(prompts, Sampling(max_tokens=4))] == [
        tiny.generate([prompt], Sampling(max_tokens=4))[0].text for prompt in prompts
    ]


def test_what_is_drawn_hangs_on_prompt_and_seed_alone(tiny: Gguf) -> None:
    asked = [
        Writing(text_prompt(text), Sampling(max_tokens=6, temperature=1.0, seed=seed))
        for text in ("the cat", "猫")
        for seed in (0, 1, -1)
    ]
    together = [reply.text for reply in tiny.write(asked)]
    assert len(set(together)) == len(asked)
    assert [tiny.write([one])[0].text for one in reversed(asked)] == together[::-1]


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        Gguf(file=str(tmp_path / "no.gguf")).generate([(Turn("user", "a"),)], Sampling())
    (tmp_path / "bad.gguf").write_bytes(b"GGUF nonsense")
    with pytest.raises(DataError, match="cannot read"):
        Gguf(file=str(tmp_path / "bad.gguf")).generate([(Turn("user", "a"),)], Sampling())


REAL = Path(os.environ.get("LMLOOP_SMOLLM2", "smollm2.gguf"))
"""A GGUF file of SmolLM2; beside it lies the folder of the same name in Hugging Face's form."""


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_file(), reason="LMLOOP_SMOLLM2 names no GGUF file")
def test_a_real_model_is_near_its_own_weights() -> None:
    near, far = Gguf(file=str(REAL)), Transformers(folder=str(REAL.with_suffix("")))
    raw = [text_prompt(text) for text in ("The capital of France is", "Water boils at", "To be or not to be,")]
    chats = [(Turn("user", text),) for text in ("Name three colours.", "What is the capital of France?")]
    written = near.generate([*raw, *chats], Sampling(max_tokens=12))
    assert all(reply.text for reply in written)
    pairs = [(prompt, reply.text) for prompt, reply in zip([*raw, *chats], written, strict=True)]
    ours, theirs = near.score(pairs), far.score(pairs)
    again = far.generate([*raw, *chats], Sampling(max_tokens=1))
    assert [reply.prompt_tokens for reply in written] == [reply.prompt_tokens for reply in again]
    apart = sum(abs((one.logprob or 0) - (other.logprob or 0)) for one, other in zip(ours, theirs, strict=True))
    assert apart / sum(reply.tokens for reply in ours) < 0.08
