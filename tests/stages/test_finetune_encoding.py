"""What of a record is learnt, token by token, in raw text and through chat templates."""

import pytest
from finetune_ground import write_base

from lmloop.core.record import Record, Turn
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.chat import Template
from lmloop.kernels.tokenizing.folder import CHATML
from lmloop.stages.finetune.encoding import Encoder, Unfit

TALK = (Turn("user", "你好"), Turn("assistant", "hi"), Turn("user", "more"))


@pytest.fixture(scope="module")
def chatml(tmp_path_factory):
    """A tokenizer with ChatML's special tokens."""
    from lmloop import run

    home = tmp_path_factory.mktemp("chatml")
    (home / "a.txt").write_text("some text to learn a tokenizer from, 一些文本")
    reader = {"use": "text", "files": [str(home / "a.txt")]}
    steps = [{"id": "raw", "use": "ingest", "reader": reader}, {"id": "t", "use": "tokenizer", "from": ["raw"]}]
    steps[1]["vocab_size"] = 320
    return Tokenizer.load(run({"name": "t", "step": steps}, home=home / "runs", workers=1)["t"].path)


def encoder(tokenizer, learn="replies", context=200, source=CHATML, too_long="cut"):
    return Encoder(tokenizer, Template(source) if source else None, learn, context, too_long)


def learnt(tokenizer, example):
    """Write what is learnt, with a bar where something lies between."""
    runs, before = [], False
    for token, mark in zip(example.ids, example.learnt, strict=True):
        if mark:
            if not before:
                runs.append([])
            runs[-1].append(token)
        before = mark
    return "|".join(tokenizer.decode(run) for run in runs)


@pytest.mark.parametrize(
    ("learn", "wanted"),
    [("replies", "hi<|im_end|>|bye<|im_end|>"), ("last", "bye<|im_end|>")],
)
def test_of_a_conversation_only_what_the_assistant_says_is_learnt(chatml, learn, wanted):
    (found,) = encoder(chatml, learn).examples(Record("bye", TALK), "replies")
    assert learnt(chatml, found) == wanted
    assert chatml.decode(found.ids) == Template(CHATML).render([*TALK, Turn("assistant", "bye")])
    (found,) = encoder(chatml, "all").examples(Record("bye", TALK), "replies")
    assert all(found.learnt)


def test_the_ids_are_those_that_transformers_gives(chatml, tmp_path):
    transformers = pytest.importorskip("transformers")
    core = tmp_path / "tokenizer.json"
    core.write_text(chatml.core.to_str())
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(core))
    messages = [{"role": turn.role, "content": turn.text} for turn in [*TALK, Turn("assistant", "bye")]]
    wanted = theirs.apply_chat_template(messages, chat_template=CHATML, return_dict=True)["input_ids"]
    (found,) = encoder(chatml).examples(Record("bye", TALK), "replies")
    assert list(found.ids) == list(wanted)
    prompt = theirs.apply_chat_template(
        messages[:3], chat_template=CHATML, add_generation_prompt=True, return_dict=True
    )["input_ids"]
    assert encoder(chatml).prompt(TALK) == list(prompt) == list(found.ids[: len(prompt)])


def test_raw_text_is_a_prompt_and_what_follows_with_nothing_around_but_begin_and_end(chatml):
    raw = Record(" b", (Turn("text", "a"),))
    (found,) = encoder(chatml).examples(raw, "replies")
    assert learnt(chatml, found) == " b<|eos|>"
    assert chatml.decode(found.ids) == "<|bos|>a b<|eos|>"
    (document,) = encoder(chatml).examples(Record("a b"), "replies")
    assert all(document.learnt)
    (plain,) = encoder(chatml, source="").examples(Record("c", TALK), "replies")
    assert chatml.decode(plain.ids) == "<|bos|>你好himorec<|eos|>"
    assert encoder(chatml).ends([found]) == {chatml.eos_id}


def test_a_preference_is_a_better_reply_beside_each_worse_one(chatml):
    vote = Record(prompt=TALK, choices=("x", "yes", "z"), answer=1)
    pairs = encoder(chatml).examples(vote, "pairs")
    said = [learnt(chatml, each).removesuffix("<|im_end|>") + "+-"[not each.good] for each in pairs]
    assert said == ["yes+", "x-", "yes+", "z-"]
    judged = encoder(chatml).examples(vote, "verdicts")
    assert [each.good for each in judged] == [False, True, False]
    (said,) = encoder(chatml, "last").examples(vote, "replies")
    assert learnt(chatml, said) == "yes<|im_end|>"
    (judged,) = encoder(chatml).examples(Record("ok", TALK, meta={"good": False}), "verdicts")
    assert not judged.good


@pytest.mark.parametrize(
    ("record", "reads", "why"),
    [
        (Record(" ", TALK), "replies", "the reply is empty"),
        (Record(""), "replies", "empty"),
        (Record("a", (Turn("user", "x" * 300),)), "replies", "the prompt alone fills the context"),
        (Record("a", TALK), "pairs", "nothing says which reply is better"),
        (Record(prompt=TALK, choices=("a", "b")), "replies", "nothing says which reply is better"),
        (Record("a", TALK), "verdicts", "a verdict needs"),
        (Record("a", (Turn("user", "\ufdd0"),)), "replies", "the chat template refuses it"),
    ],
)
def test_what_cannot_be_learnt_is_said_with_its_reason(chatml, record, reads, why):
    with pytest.raises(Unfit, match=why):
        encoder(chatml).examples(record, reads)


def test_what_is_too_long_loses_its_end_or_goes(chatml):
    record = Record("y" * 500, (Turn("user", "x"),))
    (found,) = encoder(chatml).examples(record, "replies")
    assert len(found.ids) == 201
    assert 0 < found.size < 200
    with pytest.raises(Unfit, match="too long"):
        encoder(chatml, too_long="drop").examples(record, "replies")


def test_a_template_that_no_reply_can_be_told_apart_in_is_said(tmp_path):
    folder = write_base(tmp_path)
    tokenizer = Tokenizer.load(folder)
    with pytest.raises(Unfit, match="cannot be told apart"):
        encoder(tokenizer, source="{{ messages | length }}").examples(Record("a", TALK), "replies")
