import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizing_texts import both

from lmloop.kernels.text import text_buffer
from lmloop.kernels.tokenizing import backends, training
from lmloop.kernels.tokenizing.backends import ODD
from lmloop.kernels.tokenizing.counting import Counted, PieceCounter
from lmloop.kernels.tokenizing.cutting import known_cuts
from lmloop.kernels.tokenizing.learning import MORE_PAIRS, Pairs, State, _larger, _pairs
from lmloop.kernels.tokenizing.patterns import pattern
from lmloop.kernels.tokenizing.training import Plan, ranked_merges

pytest.importorskip("tokenizers")


def counted(texts: list[str], plan: Plan) -> Counted:
    counter = PieceCounter(known_cuts()[plan.pattern])
    counter.add(text_buffer(pa.array(texts)))
    return counter.counted()


def merges(core) -> list[list[str]]:
    return json.loads(core.to_str())["model"]["merges"]


@pytest.mark.parametrize("preset", ["gpt4", "gpt2", "cjk", "code"])
@pytest.mark.parametrize(
    "texts", [both(300, 1), [*ODD, "aaaaaaa aaaa aa abababab", "上海自来水来自海上"]], ids=["prose", "odd"]
)
def test_the_merges_are_those_of_the_reference(preset, texts):
    plan = Plan(1024, pattern(preset), least=1)
    ours, theirs = training.train(counted(texts, plan), plan), training.train_reference(iter(texts), plan)
    assert merges(ours) == merges(theirs)
    assert ours.get_vocab() == theirs.get_vocab()


@settings(deadline=None, max_examples=30)
@given(texts=st.lists(st.text(alphabet="ab中 '", max_size=30), min_size=1, max_size=8))
def test_the_merges_are_those_of_the_reference_on_little_texts(texts):
    if not "".join(texts):
        return
    plan = Plan(330, pattern("gpt4"), multiple=1, least=1)
    assert merges(training.train(counted(texts, plan), plan)) == merges(training.train_reference(iter(texts), plan))


def test_ids_are_a_multiple_and_special_tokens_come_last():
    plan = Plan(1000, pattern("gpt4"), (training.BOS, training.EOS, "<|spare_0|>"), multiple=128)
    core = training.train(counted(both(300), plan), plan)
    assert core.get_vocab_size() % 128 == 0
    assert core.token_to_id(training.BOS) == core.get_vocab_size(with_added_tokens=False)
    few = training.train(counted(["ab"], plan), plan)
    assert few.get_vocab_size() == 384
    assert [few.id_to_token(n) for n in (257, 258, 259)] == [training.EOS, "<|spare_0|>", "<|spare_1|>"]


def test_a_unigram_model_loses_nothing_and_is_the_same_twice():
    plan = Plan(640, pattern("cjk"))
    texts = both(200)
    core = training.train_unigram(counted(texts, plan), plan)
    again = training.train_unigram(counted(texts, plan), plan)
    assert core.to_str() == again.to_str()
    odd = [*texts[:20], *ODD, "龘▁ unseen \x00"]
    core.encode_special_tokens = True
    assert core.decode_batch([item.ids for item in core.encode_batch(odd)]) == odd
    assert len(core.encode("语言 the language").ids) < len("语言 the language".encode()) / 2


def test_rustbpe_learns_about_the_same():
    pytest.importorskip("rustbpe")
    plan = Plan(512, pattern("gpt4"))
    texts = both(300)
    theirs, ours = training.train_rust(iter(texts), plan), training.train(counted(texts, plan), plan)
    shared = set(theirs.get_vocab()) & set(ours.get_vocab())
    assert len(shared) > 0.9 * ours.get_vocab_size()
    assert theirs.decode(theirs.encode("问题 isn't").ids) == "问题 isn't"


def test_merges_are_found_behind_ranks():
    assert ranked_merges([b"a", b"b", b"c", b"ab", b"abc"]) == [(b"a", b"b"), (b"ab", b"c")]


@pytest.fixture(scope="module")
def trained():
    plan = Plan(1024, pattern("gpt4"))
    return training.train(counted(both(300), plan), plan)


@settings(deadline=None, max_examples=100)
@given(texts=st.lists(st.text(max_size=80), max_size=6))
def test_ids_are_those_of_the_reference_and_lead_back(trained, texts):
    column = pa.array(texts, pa.large_string())
    ids, counts = backends.compiled(trained)(column)
    assert backends.first_difference((ids, counts), backends.reference(trained)(column)) is None
    rows = backends.split((ids, counts))
    assert [trained.decode(row.tolist(), skip_special_tokens=False) for row in rows] == texts


def test_pieces_without_bound_are_left_to_the_reference():
    llama = next(found for found in known_cuts() if "\\p{N}{1,3}|" in found and "\\p{L}+|" in found)
    plan = Plan(512, llama)
    core = training.train(counted(both(100), plan), plan)
    column = pa.array(["before", "a" * 5000, "", "中" * 3000 + " behind"], pa.large_string())
    assert backends.first_difference(backends.compiled(core)(column), backends.reference(core)(column)) is None


def test_a_back_end_with_other_ids_is_refused(trained, monkeypatch):
    def wrong(core):
        right = backends.reference(core)

        def encode(texts):
            ids, counts = right(texts)
            return np.where(ids == ids.max(initial=0), 0, ids).astype(np.uint32), counts

        return encode

    monkeypatch.setitem(backends.BACKENDS, "compiled", wrong)
    column = pa.array(both(20, 5), pa.large_string())
    name, encode = backends.choose(trained, column)
    assert name != "compiled"
    assert backends.first_difference(encode(column), backends.reference(trained)(column)) is None
    checks = {item.name: item for item in backends.check(trained, column)}
    assert "other ids" in checks["compiled"].refused
    assert not checks["tiktoken"].refused


def test_what_is_not_known_is_not_guessed(trained):
    content = json.loads(trained.to_str())
    content["normalizer"] = {"type": "NFC"}
    core = type(trained).from_str(json.dumps(content))
    column = pa.array(["e\u0301"], pa.large_string())
    name, _ = backends.choose(core, column)
    assert name in ("reference", "fastokens")
    assert "normalizes" in {item.name: item for item in backends.check(core, column)}["compiled"].refused


def test_a_table_of_pairs_grows_and_keeps_what_it_has():
    pairs = _pairs(16)
    for slot, key in enumerate((5 << 32 | 7, 0, 9 << 32), 3):
        pairs.keys[slot], pairs.counts[slot], pairs.first[slot], pairs.last[slot] = key, slot, slot + 1, slot + 2
    pairs.used[0] = 3
    larger = _larger(State(None, None, pairs, None, None), MORE_PAIRS).pairs
    assert len(larger.keys) == 32
    assert _held(larger) == _held(pairs)
    assert larger.used[0] == 3


def _held(pairs: Pairs) -> dict[int, tuple[int, int, int]]:
    held = np.flatnonzero(pairs.last >= 0)
    return {int(pairs.keys[k]): (int(pairs.counts[k]), int(pairs.first[k]), int(pairs.last[k])) for k in held}
