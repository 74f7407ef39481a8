"""Events are the same however the bytes are cut."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from lmloop.loadtest.events import Events


def read(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    events, found = Events(), []
    for start, end in itertools.pairwise(edges):
        found += events.feed(data[start:end])
    return found + events.close()


lines = st.sampled_from(
    ["data: {}", "data:x", "data", ": ping", "event: a", "id: 1", "", "数据", "data: 你好，世界 🌍"]
)
words = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))
streams = st.lists(st.tuples(lines, st.sampled_from(["\n", "\r\n", "\r"])), max_size=12)


@given(streams, st.lists(st.integers(0, 1000), max_size=30))
def test_any_cut_gives_the_same_events(stream: list[tuple[str, str]], places: list[int]) -> None:
    data = "".join(line + end for line, end in stream).encode()
    assert read(data, places) == read(data, [])


@given(st.lists(st.lists(words, min_size=1, max_size=3), max_size=6))
def test_what_was_sent_comes_out(messages: list[list[str]]) -> None:
    data = "".join("".join(f"data: {line}\n" for line in message) + "\n" for message in messages)
    assert [found.decode() for found in read(data.encode(), [])] == ["\n".join(message) for message in messages]


def test_ends_of_lines_comments_and_the_mark_of_order() -> None:
    data = b"\xef\xbb\xbfdata: a\r\n\r\n: ping\n\nevent: x\ndata: b\rdata: c\r\rdata: [DONE]"
    assert read(data, []) == [b"a", b"b\nc", b"[DONE]"]


def test_a_character_may_be_cut_in_the_middle() -> None:
    data = 'data: {"text": "中文"}\n\n'.encode()
    assert read(data, list(range(len(data)))) == ['{"text": "中文"}'.encode()]
