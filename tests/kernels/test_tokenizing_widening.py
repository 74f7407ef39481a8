"""Tokenizers of many makes, extended: other text keeps its ids, and all that is new is reached."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sentencepiece_models import train_model
from tokenizing_texts import both, chinese, english

from lmloop.core.errors import DataError
from lmloop.kernels.text import text_buffer
from lmloop.kernels.tokenizing import Tokenizer, backends, folder, library_pairs, proving, sentencepieces, unigrams
from lmloop.kernels.tokenizing.counting import PieceCounter
from lmloop.kernels.tokenizing.patterns import pattern
from lmloop.kernels.tokenizing.scripts import has_script, script
from lmloop.kernels.tokenizing.training import BOS, EOS, PAD, Plan, train_reference, train_unigram
from lmloop.kernels.tokenizing.units import Goal
from lmloop.kernels.tokenizing.widening import widen

spm = pytest.importorskip("sentencepiece")
tokenizers = pytest.importorskip("tokenizers")
HAN = script("Han")
LINES = [line for text in english(200, 9) for line in text.splitlines()]
SOME = [chr(point) for point in range(0x30, 0x30000, 17) if not 0xD800 <= point < 0xE000] + ["㈱"]
NEW = chinese(200, 3)
GOAL = Goal(120, HAN)
N, P, M = tokenizers.normalizers, tokenizers.pre_tokenizers, tokenizers.models


def byte_pairs(change: dict) -> Tokenizer:
    """A byte-level tokenizer with something else in its file."""
    core = train_reference(iter(english(300)), Plan(512, pattern("gpt4"), (BOS, EOS, PAD)))
    content = json.loads(core.to_str())
    content["model"].update(change.pop("model", {}))
    content.update(change)
    return Tokenizer(tokenizers.Tokenizer.from_str(json.dumps(content)), folder.config([]), "")


def llama(pre: bool) -> Tokenizer:
    """Characters with bytes for what is unknown, as Llama 2 (a normalizer) or as its heirs (a cutter) write them."""
    core = tokenizers.Tokenizer(M.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    if pre:
        core.pre_tokenizer = P.Metaspace(prepend_scheme="first", split=False)
    else:
        core.normalizer = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
    core.decoder = tokenizers.decoders.Sequence(
        [
            tokenizers.decoders.Replace("▁", " "),
            tokenizers.decoders.ByteFallback(),
            tokenizers.decoders.Fuse(),
            tokenizers.decoders.Strip(" ", 1, 0),
        ]
    )
    bytes_ = [f"<0x{n:02X}>" for n in range(256)]
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<unk>", "<s>", "</s>", *bytes_], show_progress=False, max_token_length=8
    )
    core.train_from_iterator(english(60), trainer)
    content = json.loads(core.to_str())
    content["added_tokens"] = content["added_tokens"][:3]
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    return Tokenizer(tokenizers.Tokenizer.from_str(json.dumps(content)), settings, "")


def unigram(normalizer: str) -> Tokenizer:
    """A unigram model as the library converts SentencePiece's: special tokens first, ``▁`` for spaces."""
    model = train_model(english(300), 300, "unigram", byte_fallback=False)
    processor = spm.SentencePieceProcessor(model_proto=model)
    rows = [(processor.id_to_piece(n), processor.get_score(n)) for n in range(processor.get_piece_size())]
    core = tokenizers.Tokenizer(M.Unigram(rows, 0, False))
    core.normalizer = N.Sequence([getattr(N, normalizer)(), N.Replace(tokenizers.Regex(" {2,}"), " ")])
    core.pre_tokenizer = P.Metaspace()
    core.decoder = tokenizers.decoders.Metaspace()
    core.add_special_tokens(["<unk>", "<s>", "</s>"])
    return Tokenizer(core, {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>"}, "")


def own_unigram() -> Tokenizer:
    """A unigram model of ours: over bytes, special tokens behind all pieces."""
    plan = Plan(512, pattern("gpt4"), (BOS, EOS, PAD))
    counter = PieceCounter(byte_cut())
    counter.add(text_buffer(pa.array(english(300))))
    return Tokenizer(train_unigram(counter.counted(), plan), folder.config([]), "")


def byte_cut():
    from lmloop.kernels.tokenizing.cutting import known_cuts

    return known_cuts()[pattern("gpt4")]


DIGITS = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}]}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
MAKES = {
    "NFC": lambda: byte_pairs({"normalizer": {"type": "NFC"}}),
    "NFKC": lambda: byte_pairs({"normalizer": {"type": "NFKC"}}),
    "lower case": lambda: byte_pairs({"normalizer": {"type": "Lowercase"}}),
    "digits": lambda: byte_pairs({"pre_tokenizer": {**DIGITS, "pretokenizers": [*DIGITS["pretokenizers"], BYTES]}}),
    "whole words": lambda: byte_pairs({"model": {"ignore_merges": True}}),
    "Llama 2": lambda: llama(False),
    "Llama 2, newer": lambda: llama(True),
    "unigrams, NFKC": lambda: unigram("NFKC"),
    "unigrams, lower case": lambda: unigram("Lowercase"),
    "our unigrams": own_unigram,
}


@pytest.mark.parametrize("make", MAKES)
def test_other_text_keeps_its_ids_and_all_that_is_new_is_reached(make, tmp_path: Path):
    base = MAKES[make]()
    wider = widen(base, [pa.array(both(60, 5)), pa.array(NEW)], GOAL, 64)
    folder.write(wider.core, tmp_path, base.config, "")
    new = Tokenizer.load(tmp_path)
    assert len(wider.pieces) > 40
    assert new.vocab_size % 64 == 0
    # the ids of special tokens and of all other old ones are what they were
    old = base.core.get_vocab()
    assert {token: new.core.token_to_id(token) for token in old} == old
    proof = proving.prove(base, new, LINES, HAN, SOME)
    assert (proof.changed, proof.lines) == (0, len(LINES))
    assert (proof.turned > 0) == ("NFKC" in make)
    assert proving.new_unreachable(new, base.vocab_size, None) == []
    assert all(has_script(piece.decode(errors="ignore"), HAN) or len(piece) < 3 for piece in wider.pieces)
    held = pa.array(chinese(50, 8), pa.large_string())
    before, after = (int(item.encode_column(held)[1].sum()) for item in (base, new))
    if "unigrams, " not in make:  # what these do not know is one token, however long
        assert after < 0.5 * before
    assert new.encode_batch(["我们学习语言模型"])[0].tolist() != base.encode_batch(["我们学习语言模型"])[0].tolist()
    means = wider.means
    for n, piece in enumerate(wider.pieces):
        parts = b"".join(base.tokens[part] or b"" for part in means[base.vocab_size + n])
        assert parts.strip() in (piece.strip(), b"")


@pytest.mark.parametrize("make", MAKES)
def test_transformers_gives_the_same_ids(make, tmp_path: Path):
    transformers = pytest.importorskip("transformers")
    base = MAKES[make]()
    folder.write(widen(base, [pa.array(NEW)], GOAL, 1).core, tmp_path, base.config, "")
    texts = [*chinese(5, 8), *english(5, 8), "㈱ ⾦ 全角１２３ Hello  two spaces 中 文"]
    opened = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ours = Tokenizer.load(tmp_path).encode_batch(texts)
    for text, ids in zip(texts, ours, strict=True):
        assert opened(text, add_special_tokens=False)["input_ids"] == ids.tolist()


@pytest.mark.parametrize("rule", ["identity", "nmt_nfkc", "nmt_nfkc_cf"])
@pytest.mark.parametrize("fallback", [True, False])
def test_sentencepiece_unigrams_are_extended_without_drift_and_naively_with_it(rule, fallback):
    settings = {"normalization_rule_name": rule, "byte_fallback": fallback}
    model = train_model(english(300), 300 + 256 * fallback, "unigram", **settings)
    scored, dropped = sentencepieces.learn_unigrams(model, both(300, 3), GOAL)
    base, new = (sentencepieces.open_model(content) for content in (model, sentencepieces.append(model, scored)))
    assert len(scored) > 40
    assert dropped < len(scored)
    assert proving.prove(base, new, LINES, HAN, SOME).changed == 0
    assert proving.new_unreachable(new, base.vocab_size, None) == []
    assert {base.model.id_to_piece(n): n for n in range(base.vocab_size)} == {
        new.model.id_to_piece(n): n for n in range(base.vocab_size)
    }
    if fallback:
        held = pa.array(chinese(50, 8), pa.large_string())
        assert new.encode_column(held)[1].sum() < 0.5 * base.encode_column(held)[1].sum()

    donor = spm.SentencePieceProcessor(model_proto=train_model(both(300, 2), 700, "unigram", **settings))
    known = {base.model.id_to_piece(n) for n in range(base.vocab_size)}
    extra = [(donor.id_to_piece(n), donor.get_score(n)) for n in range(donor.get_piece_size())]
    naive = sentencepieces.open_model(sentencepieces.append(model, [row for row in extra if row[0] not in known]))
    assert np.mean([base.model.encode(line) != naive.model.encode(line) for line in LINES]) > 0.01


def test_a_character_that_is_only_part_of_a_piece_bounds_the_scores():
    """Where unknown characters can stand in a piece, a lower lowest score would change what they cost."""
    free = unigrams.Old({"a": -1.0, "b": -2.0, "ab": -1.5}, -2.0, -1.0)
    odd = unigrams.Old({"a": -1.0, "bc": -2.0}, -2.0, -1.0)
    assert (free.hidden(), odd.hidden()) == (set(), {"b", "c"})
    runs = {run: 5 + n for n, run in enumerate({word for text in NEW for word in text.split("，")[0][:6].split()})}
    from collections import Counter

    runs = Counter({run: count for run, count in runs.items() if all(has_script(letter, HAN) for letter in run)})
    lowest = [min(score for _, score in unigrams.learn(runs, old, GOAL)) for old in (free, odd)]
    assert lowest[0] < -2.0
    assert lowest[1] == -2.0


def test_a_user_defined_piece_and_one_of_a_hidden_character_stay_what_they_were():
    model = train_model(english(300), 300, "unigram", user_defined_symbols=["river", "<sep>"])
    hidden = sentencepieces.append(model, [("ñandu", -3.0)])
    scored, _ = sentencepieces.learn_unigrams(hidden, both(300, 3), GOAL)
    base, new = (sentencepieces.open_model(content) for content in (hidden, sentencepieces.append(hidden, scored)))
    lines = [*LINES, "the ñandu and ññññ", "ñandañandu ñ", "riverriver<sep>river"]
    assert proving.prove(base, new, lines, HAN, SOME).changed == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": {"dropout": 0.1}}, "by chance"),
        ({"model": {"end_of_word_suffix": "</w>"}}, "marks the ends of words"),
        ({"model": {"continuing_subword_prefix": "##"}}, "continuing_subword_prefix"),
    ],
)
def test_what_cannot_be_extended_says_why(change, reason):
    core = tokenizers.Tokenizer(M.BPE({"a": 0, "b": 1}, [], **change["model"]))
    with pytest.raises(DataError, match=reason):
        library_pairs.check(core)


def test_other_kinds_say_why():
    with pytest.raises(DataError, match="longest match"):
        library_pairs.check(tokenizers.Tokenizer(M.WordPiece({"[UNK]": 0}, unk_token="[UNK]")))
    with pytest.raises(DataError, match="whole words of a list"):
        library_pairs.check(tokenizers.Tokenizer(M.WordLevel({"[UNK]": 0}, unk_token="[UNK]")))


def test_special_tokens_behind_a_model_that_knows_not_all_are_refused():
    rows = [("<unk>", 0.0), *((letter, -3.0) for letter in "abcdefg▁")]
    core = tokenizers.Tokenizer(M.Unigram(rows, 0, False))
    core.add_special_tokens(["<|end|>"])
    base = Tokenizer(core, {}, "")
    with pytest.raises(DataError, match="stand behind its pieces"):
        widen(base, [pa.array(NEW)], GOAL, 1)


def test_text_without_the_script_teaches_nothing():
    for make in ("NFC", "unigrams, NFKC", "Llama 2"):
        with pytest.raises(DataError, match="no text of the script"):
            widen(MAKES[make](), [pa.array(english(5))], GOAL, 1)


def test_what_a_fast_back_end_fails_on_goes_to_the_reference():
    """It was chosen on a sample; a later text may have a byte that has no token."""
    pytest.importorskip("fastokens")
    core = tokenizers.Tokenizer(M.BPE())
    core.pre_tokenizer = P.ByteLevel(add_prefix_space=False)
    core.train_from_iterator(english(60), tokenizers.trainers.BpeTrainer(vocab_size=300, show_progress=False))
    alphabet = [letter for letter in P.ByteLevel.alphabet() if letter not in core.get_vocab()]
    assert alphabet
    texts = ["the river", "\x04 the \x05", "we walk", "中"]

    def fails(column):
        if any("\x04" in text for text in column.to_pylist()):
            raise ValueError("byte 0x04 has no token")
        return backends.reference(core)(column)

    encode = backends.or_reference(fails, backends.reference(core))
    column = pa.array(texts, pa.large_string())
    assert backends.first_difference(encode(column), backends.reference(core)(column)) is None
    tokenizer = Tokenizer(core, {}, "")
    tokenizer.encode_batch(["the river"])
    assert [ids.tolist() for ids in tokenizer.encode_batch(texts)] == [core.encode(text).ids for text in texts]
