"""What an exchange holds, whatever the server sends and wherever it is cut."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.loadtest.frames import Exchange, Log, pack, read
from lmloop.loadtest.replies import Reply, ending, read_reply

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
USAGE = {"prompt_tokens": 3, "completion_tokens": 9}


def event(text: "str | None", **more: object) -> bytes:
    delta = {"role": "assistant"} if text is None else {"content": text}
    return b"data: " + json.dumps({"choices": [{"delta": delta, **more}]}, ensure_ascii=False).encode() + b"\n\n"


def stream(*events: bytes) -> bytes:
    return HEAD + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in events) + b"0\r\n\r\n"


def exchange(data: bytes, places: "list[int] | None" = None, outcome: str = "ok") -> Exchange:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places or [])})
    made = Exchange(0, 0, 0, 0, outcome=outcome)
    for stamp, (start, end) in enumerate(pairwise(edges), 100):
        made.stamps.append(stamp)
        made.sizes.append(end - start)
    made.raw += data
    made.ended = made.stamps[-1] if made.stamps else 0
    return made


def bit_by_bit(made: Exchange) -> Reply:
    reply = Reply(keep=True)
    for stamp, data in made.reads():
        reply.feed(stamp, data)
    reply.close(made.ended)
    return reply


PLAIN = stream(
    event(None),
    event(""),
    event("条"),
    event(" river", finish_reason="length"),
    b"data: " + json.dumps({"choices": [], "usage": USAGE}).encode() + b"\n\n",
    b"data: [DONE]\n\n",
)
ODD = stream(b": ping\r\n\r\n", event("条").replace(b"\n", b"\r\n"), event("a").replace(b": {", b":{"), b"data: [DONE]")


TEXTS = [
    "The",
    " 1",
    " 22",
    "",
    "条",
    'a "word"',
    "\\",
    "\n\n",
    "data: x",
    "\u2028",
    '"content":"',
    "7",
    " end",
    " of",
    " it",
]
LONG = stream(
    event(None),
    *(event(text, index=place) for place, text in enumerate(TEXTS * 2)),
    event("x", written=5),
    event("y", index=3)[:-2] + b", ]\n\n",
    *(event(text, index=place) for place, text in enumerate(TEXTS)),
    b'data: {"choices": [], "usage": {"completion_tokens": 9}}\n\n',
    b"data: [DONE]\n\n",
)


def read_both_ways(data: bytes, places: list[int]) -> Reply:
    """Read a stream at once and bit by bit, and see that both find the same."""
    made = exchange(data, places)
    whole, slow = read_reply(made), bit_by_bit(made)
    for name in ("stamps", "usage", "finish", "error", "done", "status", "streamed"):
        assert getattr(whole, name) == getattr(slow, name), name
    return whole


@pytest.mark.parametrize("data", [LONG, stream(*(event(text, index=3) for text in TEXTS * 3), b"data: [DONE]\n\n")])
@given(places=st.lists(st.integers(0, 9000), max_size=40))
def test_parts_that_are_alike_are_read_as_if_each_were_parsed(data: bytes, places: list[int]) -> None:
    read_both_ways(data, places)


@pytest.mark.parametrize("data", [PLAIN, ODD])
@given(places=st.lists(st.integers(0, 5000), max_size=30))
def test_reading_at_once_is_reading_bit_by_bit(data: bytes, places: list[int]) -> None:
    whole = read_both_ways(data, places)
    assert len(whole.stamps) == 2


def test_only_parts_with_text_count_and_their_read_is_their_moment() -> None:
    place = PLAIN.index("条".encode()) + 1  # in the middle of a character
    reply = read_reply(exchange(PLAIN, [place]))
    assert reply.stamps.tolist() == [101, 101]
    assert (reply.usage, reply.finish, reply.done) == (USAGE, "length", True)
    assert bit_by_bit(exchange(PLAIN)).text == "条 river"


def answer(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


WHOLE = b'{"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], "usage": {"completion_tokens": 1}}'


@pytest.mark.parametrize(
    ("data", "outcome", "how", "why"),
    [
        (PLAIN, "ok", "ok", ""),
        (PLAIN, "timeout", "timeout", ""),
        (answer(WHOLE), "ok", "ok", ""),
        (answer(b'{"error": {"message": "no such model"}}', "404 Not Found"), "ok", "http-404", "no such model"),
        (answer(b'{"detail": "Not Found"}', "404 Not Found"), "ok", "http-404", "Not Found"),
        (answer(b'{"object": "error", "message": "too long"}', "400 Bad"), "ok", "http-400", "too long"),
        (answer(b"Bad Gateway", "502 Bad Gateway", "text/html"), "ok", "http-502", "Bad Gateway"),
        (
            stream(event("a"), b'data: {"error": {"message": "out of memory"}}\n\n'),
            "ok",
            "error-in-reply",
            "out of memory",
        ),
        (stream(event("a"), b"data: {oops\n\n"), "ok", "error-in-reply", "an event is no JSON"),
        (stream(event("a")), "ok", "incomplete", "[DONE]"),
        (stream(event(""), b"data: [DONE]\n\n"), "ok", "empty", "no event"),
        (answer(b"<html>", kind="text/html"), "ok", "error-in-reply", "<html>"),
    ],
)
def test_how_an_exchange_ended(data: bytes, outcome: str, how: str, why: str) -> None:
    made = exchange(data, outcome=outcome)
    found, told = ending(made, read_reply(made))
    assert found == how
    assert why in told


def test_other_kinds_of_text_count_too() -> None:
    rows = [
        {"delta": {"reasoning_content": "hm"}},
        {"text": "plain"},
        {"delta": {"tool_calls": [{"function": {"arguments": "{"}}]}},
    ]
    events = [b"data: " + json.dumps({"choices": [row]}).encode() + b"\n\n" for row in rows]
    assert len(read_reply(exchange(stream(*events))).stamps) == 3


def test_frames_come_back_and_one_that_is_cut_off_does_not(tmp_path: Path) -> None:
    first, second = exchange(PLAIN, [9, 99]), exchange(ODD, outcome="closed")
    second.note = "断了"
    log = Log(tmp_path / "log")
    log.put(first)
    log.put(second)
    log.close()
    assert list(read(tmp_path / "log")) == [first, second]
    data = (tmp_path / "log").read_bytes()
    for missing in (1, len(pack(second)) - 1, len(pack(second))):
        (tmp_path / "cut").write_bytes(data[:-missing])
        assert list(read(tmp_path / "cut")) == [first]
