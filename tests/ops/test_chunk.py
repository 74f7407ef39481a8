import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from op_texts import CHINESE, ENGLISH, TEXTS
from pydantic import ValidationError

from lmloop.kernels.chunks import bordered_windows, unit_starts
from lmloop.kernels.text import text_buffer
from lmloop.ops.chunk import Chunk

UNITS = st.sampled_from(["characters", "words", "sentences", "paragraphs"])
BORDERS = st.sampled_from(["unit", "sentences", "lines", "paragraphs"])


@given(TEXTS, UNITS, BORDERS, st.integers(1, 30))
def test_without_an_overlap_chunks_are_the_document(text, unit, border, size):
    outcome = Chunk(unit=unit, border=border, size=size)([text])
    assert "".join(outcome.texts) == text
    assert all(outcome.texts) or outcome.texts == [""]


@given(st.lists(TEXTS, max_size=3), BORDERS, st.integers(1, 30), st.integers(0, 29))
def test_windows_move_on_and_are_no_longer_than_asked_for(texts, border, size, overlap):
    overlap = min(overlap, size - 1)
    buffer = text_buffer(pa.array(texts, pa.string()))
    starts, _ = unit_starts(buffer, "characters")
    borders = starts if border == "unit" else unit_starts(buffer, border)[0]
    document, place, begin, stop = bordered_windows(buffer, starts, borders, size, overlap)
    first, last = np.searchsorted(starts, begin), np.searchsorted(starts, stop)
    assert np.all(last - first <= size)
    follows = document[1:] == document[:-1]
    assert np.all(begin[1:][follows] > begin[:-1][follows])
    assert np.all(stop[1:][follows] > stop[:-1][follows])
    shared = (last[:-1] - first[1:])[follows]
    assert np.all((shared >= 0) & (shared <= overlap))
    assert np.all(place[1:][follows] == place[:-1][follows] + 1)
    heads, tails = np.append(True, ~follows)[: len(begin)], np.append(~follows, True)[: len(begin)]
    assert begin[heads].tolist() == buffer.offsets[:-1].tolist()
    assert stop[tails].tolist() == buffer.offsets[1:].tolist()


def test_chinese_chunks_end_where_sentences_do():
    text = "第一句话说了很多。第二句短。第三句也不长！最后一句话在这里结束了。"
    expected = ["第一句话说了很多。", "第二句短。第三句也不长！", "最后一句话在这里结束了。"]
    assert Chunk(size=12, border="sentences")([text]).texts == expected
    overlapping = Chunk(size=20, overlap=8, border="sentences")([text]).texts
    assert overlapping == [
        "第一句话说了很多。第二句短。",
        "第二句短。第三句也不长！",
        "第三句也不长！最后一句话在这里结束了。",
    ]


def test_english_chunks_end_where_sentences_do_and_long_ones_are_cut():
    text = "One two three. Four five six seven eight. Nine."
    assert Chunk(unit="words", size=4, border="sentences")([text]).texts == [
        *("One two three. ", "Four five six seven ", "eight. Nine.")
    ]
    assert Chunk(unit="sentences", size=2)([text]).texts == ["One two three. Four five six seven eight. ", "Nine."]
    assert Chunk(unit="words", size=3)(["中文字a b"]).texts == ["中文字", "a b"]


def test_ids_and_other_columns_are_kept():
    outcome = Chunk(size=100)([ENGLISH, CHINESE, ""])
    ids = outcome.batch.column("id").to_pylist()
    assert [row.rpartition("#")[2] for row in ids[:2]] == ["0", "1"]
    assert "#" not in ids[2]
    assert outcome.texts[2:] == [CHINESE, ""]


def test_tokens_are_those_of_a_tokenizer(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    op = Chunk(unit="tokens", size=3, tokenizer=str(tmp_path / "tokenizer.json"))
    assert op(["one two, three four. five", "一二 三四 五", ""]).texts == [
        *("one two, ", "three four. ", "five", "一二 三四 五", "")
    ]
    border = Chunk(unit="tokens", size=5, border="sentences", tokenizer=str(tmp_path / "tokenizer.json"))
    assert border(["A b. C d. E f. G."]).texts == ["A b. ", "C d. ", "E f. G."]


@pytest.mark.parametrize("settings", [{"size": 5, "overlap": 5}, {"unit": "tokens"}, {"tokenizer": __file__}])
def test_settings_that_cannot_be(settings):
    with pytest.raises(ValidationError):
        Chunk(**settings)
