"""The four ops on conversations: turns, roles, lengths, repeats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.batch import from_records, rows
from lmloop.core.op import Op, Outcome
from lmloop.core.record import Record, Turn
from lmloop.ops.chat_length import ChatLength
from lmloop.ops.chat_repeats import ChatRepeats
from lmloop.ops.chat_roles import ChatRoles
from lmloop.ops.chat_turns import ChatTurns

NAMES = {"u": "user", "a": "assistant", "s": "system", "t": "tool", "?": "human"}


def chat(*turns: str, reply: str = "ok") -> Record:
    """Make a conversation of turns like "u:hello"."""
    prompt = tuple(Turn(NAMES[turn[0]], turn[2:]) for turn in turns)
    return Record(reply, prompt)


def judge(op: Op, *records: Record) -> Outcome:
    return op.apply(from_records(Record(r.text, r.prompt, id=str(i)) for i, r in enumerate(records)))


def reason(op: Op, record: Record) -> str:
    return next(iter(judge(op, record).reasons), "kept")


def test_empty_and_repeated_turns_go():
    outcome = judge(ChatTurns(), chat("s:你是助手", "u:你好", "u: 你好 ", "a:  ", "a:hi", "u:hi", "u:再见"))
    (left,) = rows(outcome.batch)
    assert [turn.text for turn in left.prompt] == ["你是助手", "你好", "hi", "hi", "再见"]


@pytest.mark.parametrize(
    ("op", "record", "expected"),
    [
        (ChatTurns(), chat("u: "), "few-turns"),
        (ChatTurns(max_turns=2), chat("u:a", "a:b", "u:c"), "many-turns"),
        (ChatTurns(min_turns=3), chat("u:a", "u:a", "a:b", "u:c"), "kept"),
        (ChatRoles(), chat("u:a"), "kept"),
        (ChatRoles(), chat("s:a", "u:b", "a:c", "u:d"), "kept"),
        (ChatRoles(), chat("u:a", "a:b", "t:c"), "kept"),
        (ChatRoles(), chat("u:a", "a:b", "t:c", "t:d", "a:e", "u:f"), "kept"),
        (ChatRoles(), chat("?:a"), "unknown-role"),
        (ChatRoles(), chat("a:a"), "role-order"),
        (ChatRoles(), chat("u:a", "a:b"), "role-order"),
        (ChatRoles(), chat("u:a", "u:b"), "role-order"),
        (ChatRoles(), chat("u:a", "s:b", "u:c"), "role-order"),
        (ChatRoles(), chat("t:a", "u:b"), "role-order"),
        (ChatRoles(), chat("s:a"), "role-order"),
        (ChatRoles(alternate=False), chat("u:a", "u:b"), "kept"),
        (ChatRoles(system=False), chat("s:a", "u:b"), "system-turn"),
        (ChatLength(max_turn=3), chat("u:一二三四"), "long-turn"),
        (ChatLength(max_turn=4), chat("u: 一二三四 "), "kept"),
        (ChatLength(max_characters=5), chat("u:ab", "a:cd"), "long"),
        (ChatLength(min_reply=3), chat("u:a", reply=" ok "), "short-reply"),
        (ChatLength(), chat("u:a", reply=" "), "short-reply"),
        (ChatLength(max_reply=1), chat("u:a"), "long-reply"),
        (ChatRepeats(), chat("u:你好。", reply="你好"), "echo"),
        (ChatRepeats(), chat("u:OK!", "a:no", "u:x"), "echo"),
        (ChatRepeats(), chat("u:a", "a:Ok.", "u:b"), "said-before"),
        (ChatRepeats(own_words=True), chat("u:a", "a:Ok.", "u:b"), "kept"),
        (ChatRepeats(), chat("u:…", reply="！"), "kept"),
    ],
)
def test_each_rule(op, record, expected):
    assert reason(op, record) == expected


@pytest.mark.parametrize(
    "op", [ChatTurns(min_turns=2), ChatRoles(system=False), ChatLength(min_reply=9), ChatRepeats()]
)
def test_documents_are_left_alone(op):
    assert judge(op, Record("ok"), Record("")).texts == ["ok", ""]


@given(st.lists(st.lists(st.sampled_from(["u:a", "u:", "a:b", "a: b", "s:c", "t:d"]), max_size=8), max_size=4))
def test_a_second_cleaning_finds_nothing(conversations):
    records = [chat(*turns) for turns in conversations]
    once = judge(ChatTurns(min_turns=0), *records)
    again = ChatTurns(min_turns=0).apply(once.batch)
    assert [r.prompt for r in rows(again.batch)] == [r.prompt for r in rows(once.batch)]
    for before, after in zip(records, rows(once.batch), strict=True):
        assert all(turn.text.strip() for turn in after.prompt)
        assert set(after.prompt) <= set(before.prompt)
