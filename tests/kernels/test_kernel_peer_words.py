"""datatrove's words: held to spaCy's own tokens, stored (``peer_chunks.json``) and, where it is installed, fresh."""

import json
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_texts import COLUMNS, EDGES, buffer_of

from lmloop.kernels.hashing import hash64
from lmloop.kernels.peer.tables import LETTER, SYMBOL, tables
from lmloop.kernels.peer.words import peer_segment
from lmloop.kernels.text import TextBuffer, read_only
from lmloop.kernels.words import Tokens

STORED = json.loads(Path(__file__).with_name("peer_chunks.json").read_text(encoding="utf-8"))
CHUNKS = list(STORED)

# Texts in which affixes, special cases and addresses meet.
MEETING = st.lists(st.sampled_from(CHUNKS) | st.text("'’\".,:;-/@()°ab1AB $€mk…—", max_size=4), max_size=4).map("".join)


def read(texts: list[str], tokens: Tokens) -> list[list[str]]:
    found = []
    for number, text in enumerate(texts):
        data, part = text.encode(), slice(tokens.first[number], tokens.first[number + 1])
        spans = zip(tokens.start[part].tolist(), tokens.width[part].tolist(), strict=True)
        found.append([data[start : start + width].decode() for start, width in spans])
    return found


def test_stored_chunks_are_cut_as_spacy_cuts_them():
    found = read(CHUNKS, peer_segment(buffer_of(*CHUNKS)))
    assert [pair for pair in zip(CHUNKS, found, strict=True) if pair[1] != STORED[pair[0]]] == []
    assert len(CHUNKS) > 1500


@given(COLUMNS | st.lists(MEETING, max_size=4))
def test_a_text_is_its_chunks_one_after_the_other(texts):
    tokens = peer_segment(buffer_of(*texts))
    found = read(texts, tokens)
    chunks = [text.split() for text in texts]
    flat = list(chain.from_iterable(chunks))
    alone = iter(read(flat, peer_segment(buffer_of(*flat))))
    assert found == [list(chain.from_iterable(next(alone) for _ in parts)) for parts in chunks]
    assert ["".join(part) for part in found] == ["".join(parts) for parts in chunks]


@given(COLUMNS)
def test_length_kind_and_hash_are_those_of_the_token(texts):
    tokens = peer_segment(buffer_of(*texts))
    flat = [token for document in read(texts, tokens) for token in document]
    bits = [[int(tables().classes[ord(c)]) for c in token] for token in flat]
    assert tokens.length.tolist() == [len(token) for token in flat]
    assert tokens.kind.tolist() == [
        0 if all(b & SYMBOL for b in part) else 2 if any(b & LETTER for b in part) else 1 for part in bits
    ]
    np.testing.assert_array_equal(tokens.hash, hash64(buffer_of(*flat)))


def test_what_is_a_symbol_and_what_has_a_letter():
    texts = ["word", "42", ",", "«", "€", "4a", "\u0301", "。"]
    assert peer_segment(buffer_of(*texts)).kind.tolist() == [2, 1, 0, 0, 1, 2, 1, 0]


def test_edges_and_long_runs():
    assert read([*EDGES], peer_segment(buffer_of(*EDGES)))[:4] == [[], [], [], ["a"]]
    for text in ("!" * 5000, "a@" * 3000, ":)" * 2000, "." * 4000 + "a", "a-" * 3000, "''" * 2000):
        assert "".join(read([text], peer_segment(buffer_of(text)))[0]) == text


def test_broken_utf8_is_survived():
    junk = np.random.default_rng(5).integers(0, 256, 4000, dtype=np.uint8)
    for end in range(3900, 4000):
        tokens = peer_segment(TextBuffer(read_only(junk[:end]), np.array([0, end], np.int64)))
        assert (tokens.start + tokens.width).max() <= end


@pytest.mark.skipif(find_spec("spacy") is None, reason="spaCy is not installed")
@given(st.lists(MEETING.filter(lambda chunk: not any(c.isspace() for c in chunk)), min_size=1, max_size=20))
def test_tokens_are_spacys_own(chunks):
    import spacy

    tokenizer = spacy.blank("en").tokenizer
    assert read(chunks, peer_segment(buffer_of(*chunks))) == [[t.text for t in tokenizer(chunk)] for chunk in chunks]
