"""The back-ends for local weights say what lm-evaluation-harness 0.4.13 said of the same models and strings."""

import json
from pathlib import Path

import pytest
from lm_eval_golden.make import ASKED, HERE, MODELS, ROLLED, WRITTEN, write_models

from lmloop.core.model import Sampling, Writing, text_prompt
from lmloop.core.weights import model as named

ANSWERS = json.loads((HERE / "answers.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("golden")
    write_models(place)
    return place


@pytest.fixture(scope="module", params=[(use, name) for use in ("transformers", "lmloop") for name in MODELS])
def asked(request, folder):
    use, name = request.param
    if use == "transformers":
        pytest.importorskip("transformers")
    return use, name, named({"use": use, "folder": str(folder / name)})


def test_likelihoods(asked):
    use, name, model = asked
    wanted = ANSWERS[name]["loglikelihood"]
    replies = model.score([(text_prompt(prompt), text) for prompt, text in ASKED])
    for (prompt, _), reply, (logprob, greedy) in zip(ASKED, replies, wanted, strict=True):
        if use == "lmloop" and prompt.startswith("<s>"):
            continue  # raw text is plain text for our own tokenizers: nobody can write a special token
        assert reply.logprob == pytest.approx(logprob, abs=1e-4, rel=2e-7)
        assert reply.greedy == greedy
    assert [reply.left_out > 0 for reply in replies] == [len(prompt) > 200 for prompt, _ in ASKED]


def test_likelihood_of_long_texts_window_by_window(asked):
    _, name, model = asked
    replies = model.score([(text_prompt(""), text) for text in ROLLED])
    if name == "plain":  # the peer also scores the token that begins a text, where a tokenizer adds one
        wanted = ANSWERS[name]["loglikelihood_rolling"]
        assert [reply.logprob for reply in replies] == pytest.approx(wanted, abs=1e-4, rel=2e-7)
    assert replies[1].tokens > 64
    assert replies[1].prompt_tokens == 1


def test_greedy_replies(asked):
    _, name, model = asked
    how = [Sampling(max_tokens=each["max_gen_toks"], stop=tuple(each["until"])) for _, each in WRITTEN]
    replies = model.write([Writing(text_prompt(prompt), one) for (prompt, _), one in zip(WRITTEN, how, strict=True)])
    assert [reply.text for reply in replies] == ANSWERS[name]["generate_until"]
    assert [reply.left_out > 0 for reply in replies] == [len(prompt) > 200 for prompt, _ in WRITTEN]
