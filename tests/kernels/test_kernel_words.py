import numpy as np
from hypothesis import given
from kernel_texts import COLUMNS, EDGES, buffer_of, plain_tokens

from lmloop.kernels.hashing import hash64
from lmloop.kernels.text import TextBuffer, read_only
from lmloop.kernels.words import Tokens, segment


def read(texts: list[str], tokens: Tokens) -> list[list[tuple[str, str]]]:
    found = []
    for number, text in enumerate(texts):
        data, part = text.encode(), slice(tokens.first[number], tokens.first[number + 1])
        spans = zip(tokens.start[part], tokens.width[part], tokens.kind[part], strict=True)
        found.append([(data[start : start + width].decode(), "SNWC"[kind]) for start, width, kind in spans])
    return found


@given(COLUMNS)
def test_tokens_are_those_of_the_definition(texts):
    tokens = segment(buffer_of(*texts))
    found = read(texts, tokens)
    assert found == [plain_tokens(text) for text in texts]
    flat = [token for document in found for token, _ in document]
    assert tokens.length.tolist() == [len(token) for token in flat]
    np.testing.assert_array_equal(tokens.hash, hash64(buffer_of(*flat)))


def test_edges():
    assert read(list(EDGES), segment(buffer_of(*EDGES))) == [plain_tokens(text) for text in EDGES]


def test_english_and_chinese_as_people_would_read_them():
    text = "Don't stop: 我们在 New-York 吃了3碗面……好！"
    assert [token for token, _ in read([text], segment(buffer_of(text)))[0]] == (
        ["Don't", "stop", ":", "我", "们", "在", "New-York", "吃", "了", "3", "碗", "面", "……", "好", "！"]
    )


def test_room_grows_where_every_byte_is_a_token():
    texts = ["a b " * 10, "!?" * 4000, "x", "%&" * 3000]
    assert read(texts, segment(buffer_of(*texts))) == [plain_tokens(text) for text in texts]


def test_broken_utf8_is_survived():
    junk = np.random.default_rng(5).integers(0, 256, 4000, dtype=np.uint8)
    for end in range(3900, 4000):
        tokens = segment(TextBuffer(read_only(junk[:end]), np.array([0, end], np.int64)))
        assert (tokens.start + tokens.width).max() <= end
