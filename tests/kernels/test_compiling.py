"""Kernels compiled ahead: what they are called with, and a library that is built, loaded and called."""

import json
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.errors import LmloopError
from lmloop.kernels.compiling import library
from lmloop.kernels.compiling.listing import listed, merged, unlisted
from lmloop.kernels.compiling.signatures import Flat, numpy_is_as_expected
from lmloop.kernels.hashing import _hash64, hash64
from lmloop.kernels.jit import compiled, prepared
from lmloop.kernels.reading import EVENT, MOST, WORDS, collect
from lmloop.kernels.text import read_only, text_buffer

SEEN = "hashing._hash64"
BUILD = """
import sys
from pathlib import Path
from lmloop.kernels.compiling.building import build
from lmloop.kernels.compiling.listing import listed
from lmloop.kernels.compiling.target import target
if __name__ == "__main__":
    wanted = {name: listed()[name] for name in sys.argv[2:]}
    build(Path(sys.argv[1]), target("host"), wanted)
    build(Path(sys.argv[1]), target("host"), {})  # what is there is not built again
"""


class Pair(NamedTuple):
    left: Any
    right: Any


@compiled
def echo(numbers: Any, more: Any) -> Any:
    """Give numbers as they came."""
    return numbers[0], numbers[1], more


def test_arguments_are_laid_flat():
    array = np.zeros((2, 3), np.int32)
    flat = Flat((Pair(array, read_only(np.zeros(1, np.uint8))), (True, np.uint64(7)), array[:, ::2], 1.5))
    assert flat.words == [
        *(f"{__name__}:Pair(", "int32.2C", "uint8.1C", ")"),
        *("(", "bool", "uint64", ")", "int32.2A", "float64"),
    ]
    assert flat.locked == [1]
    assert flat.marked()[2] == "uint8.1C!"
    assert flat.slots[2:4] == [1, 7]


@pytest.mark.parametrize(
    "value",
    [None, "a", 1 << 64, -(1 << 63) - 1, np.float32(1), np.zeros(1, ">i8"), np.zeros(9, np.uint8)[1:].view("i8")],
)
def test_what_no_signature_has_is_strange(value):
    assert Flat((value,)).words[0].startswith("?")


def test_numpy_keeps_arrays_as_compiled_kernels_expect():
    assert numpy_is_as_expected()


@given(st.integers(-(1 << 63), (1 << 64) - 1), st.floats(allow_nan=False), st.booleans())
def test_numbers_come_back_from_slots_as_they_went(number, fraction, flag):
    flat = Flat((number, fraction, flag))

    def function(slots):
        for place in range(3):
            slots[3 + place] = slots[place]
        return 0

    back = library.Entry(function, "echo", tuple(flat.words), flat.words)(flat.slots)
    assert back == (number, fraction, flag)
    assert type(back[2]) is bool


def test_what_is_read_only_once_may_be_so_always():
    table = merged({}, ["k uint8.1C int64", "k uint8.1C! int64", "k int64"])
    assert table == {"k": ["int64", "uint8.1C! int64"]}
    assert merged(table, ["k uint8.1C int64"]) == table


def test_calls_that_are_not_listed_are_found():
    name, signatures = next((name, signatures) for name, signatures in listed().items() if "!" in signatures[0])
    assert not unlisted([f"{name} {signatures[0]}", f"{name} {signatures[0].replace('!', '')}"])
    assert unlisted([f"{name} int8"]) == [f"{name} int8"]


def test_a_library_is_built_loaded_and_called(tmp_path: Path):
    subprocess.run([sys.executable, "-c", BUILD, str(tmp_path), SEEN], check=True)
    loaded = library.load(tmp_path)
    assert not isinstance(loaded, str)
    buffer, hashes = text_buffer(pa.array(["a line", "", "一行"])), np.zeros(3, np.uint64)
    flat = Flat((buffer, hashes))
    entry = loaded[SEEN][tuple(flat.words)]
    assert entry.written == {1, 2}  # offsets, and where hashes go: no text is written to
    assert entry(flat.slots) is None
    assert hashes.tolist() == hash64(buffer).tolist()

    told = json.loads((tmp_path / library.LIST).read_text())
    for change, reason in ({"needs": ["wings"]}, "wings"), ({"digest": ""}, "sources"), ({"library": "no.so"}, "no.so"):
        (tmp_path / library.LIST).write_text(json.dumps({**told, **change}))
        assert reason in str(library.load(tmp_path))


def test_where_nothing_was_compiled_that_is_said(tmp_path: Path):
    assert "nothing was compiled" in str(library.load(tmp_path))


def test_only_the_library_is_used_on_request(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(library, "MODE", "library")
    monkeypatch.setattr(library, "LACKS", "")
    with pytest.raises(LmloopError, match=r"hashing\._hash64 int64 int64\.1C"):
        _hash64(1, np.zeros(1, np.int64))


def test_kernels_of_others_are_compiled_on_use():
    assert echo((1, True), 2.5) == (1, True, 2.5)
    again = prepared(echo, (1, True), 2)
    assert [again(3), again(4)] == [(1, True, 3), (1, True, 4)]


def test_prepared_calls_differ_in_numbers_alone():
    events, slots = np.zeros(EVENT * MOST, np.uint32), (np.full(1024, -1, np.int32), np.zeros((0, 5), np.int64))
    kept = (
        np.zeros((0, 9), np.uint8),
        np.zeros((0, 9), np.int64),
        np.zeros((0, 9), np.uint32),
        np.zeros(WORDS, np.int64),
    )
    one, end = socket.socketpair()
    with one, end, select.epoll() as streams, select.epoll() as other:
        streams.register(one.fileno(), select.EPOLLOUT)
        look = prepared(collect, (streams.fileno(), other.fileno()), 0, 0, events, slots, kept)
        assert [look(0, 0), events[0], events[1]] == [1, one.fileno(), select.EPOLLOUT]
        events[:] = 0
        assert [look(1, 0), events[0]] == [1, one.fileno()]
