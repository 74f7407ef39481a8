"""A schedule comes out of its file as it went in, and is shared out without a session lost."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.errors import DataError
from lmloop.loadtest.schedule import Session, Turn, parse, prompt, share, write

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
turns = st.one_of(
    st.builds(Turn, text=texts, tokens=st.none() | st.integers(1, 99), think=st.sampled_from([0.0, 0.5])),
    st.builds(Turn, messages=st.lists(st.tuples(st.sampled_from(["system", "user"]), texts), min_size=1).map(tuple)),
    st.builds(Turn, ids=st.lists(st.integers(0, 9), min_size=1).map(tuple)),
)
sessions = st.builds(
    Session, st.none() | st.integers(0, 50).map(lambda n: n / 8), st.lists(turns, min_size=1).map(tuple)
)


@given(st.lists(sessions, max_size=8), st.integers(1, 3))
def test_all_sessions_are_shared_out_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, made: list[Session], workers: int
) -> None:
    path = tmp_path_factory.mktemp("schedule") / "s.jsonl"
    assert write(path, made) == len(made)
    found = sorted(
        (item for number in range(workers) for item in share(path, number, workers)), key=lambda item: item[0]
    )
    assert [session for _, session in found] == made


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"at": 1}', b'{"at": 1, "turns": []}', b'{"at": "x", "turns": [{}]}'])
def test_what_is_no_session(line: bytes) -> None:
    with pytest.raises(DataError):
        parse(line, "s.jsonl:1")


def test_a_conversation_is_written_for_either_api(tmp_path: Path) -> None:
    said: list[Turn | str] = [Turn(messages=(("system", "Be brief."), ("user", "你好"))), "Hi.", Turn("And now?")]
    assert prompt("chat", said) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "你好"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "And now?"},
    ]
    assert prompt("completions", said) == "Be brief.\n你好\nHi.\nAnd now?"
    assert prompt("completions", [Turn(ids=(1, 2))]) == [1, 2]
    with pytest.raises(DataError, match="completions"):
        prompt("chat", [Turn(ids=(1, 2))])
