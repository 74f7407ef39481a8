"""A response is the same however its bytes are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.loadtest.http import Framing, FramingError


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if end > start]


def read(pieces: list[bytes]) -> Framing:
    framing = Framing(keep=True)
    for place, piece in enumerate(pieces):
        whole = framing.feed(piece)
        assert whole == (place == len(pieces) - 1)
    return framing


def chunked(pieces: list[bytes], extension: bytes = b"", trailer: bytes = b"") -> bytes:
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces)
    return body + b"0\r\n" + trailer + b"\r\n"


places = st.lists(st.integers(0, 10_000), max_size=40)
bodies = st.lists(st.binary(min_size=1, max_size=40), max_size=8)


@given(bodies, places, st.sampled_from([b"", b";name=value"]), st.sampled_from([b"", b"X-Sum: 1\r\n"]))
def test_a_chunked_body_is_the_same_however_it_is_cut(
    pieces: list[bytes], places: list[int], extension: bytes, trailer: bytes
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    framing = read(cut(head + chunked(pieces, extension, trailer), places))
    assert framing.status == 200
    assert bytes(framing.body) == b"".join(pieces)
    assert framing.keep_alive


@given(st.binary(max_size=60), places)
def test_a_body_of_known_length_is_the_same_however_it_is_cut(body: bytes, places: list[int]) -> None:
    head = b"HTTP/1.1 404 Not Found\r\ncontent-length: %d\r\nConnection: close\r\n\r\n" % len(body)
    framing = read(cut(head + body, places))
    assert (framing.status, bytes(framing.body), framing.keep_alive) == (404, body, False)


def test_a_body_may_end_with_the_connection() -> None:
    framing = Framing(keep=True)
    assert not framing.feed(b"HTTP/1.0 200 OK\r\n\r\nab")
    assert not framing.feed(b"c")
    assert framing.close()
    assert bytes(framing.body) == b"abc"


def test_an_interim_response_is_passed_over() -> None:
    framing = read([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"])
    assert framing.status == 204


def test_a_response_that_is_cut_off_is_not_whole() -> None:
    framing = Framing()
    framing.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
    assert not framing.close()


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        HEAD + b"+5\r\nabcde\r\n",
        HEAD + b"0x5\r\nabcde\r\n",
        HEAD + b"3\r\nabcde\r\n",
        HEAD + b"0\r\n\r\nHTTP/1.1",
    ],
)
def test_what_is_no_response_is_refused(data: bytes) -> None:
    with pytest.raises(FramingError):
        Framing().feed(data)
