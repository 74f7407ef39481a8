"""A schedule: who asks what and when, made before the test from a seed, and the same for every server.

A file of JSON Lines, one session a line: ``{"at": 1.25, "turns": [{"text": "...", "tokens": 64, "think": 0.5}]}``.
``at`` is in seconds from the start, null for users who begin when the one before has ended. A turn has one of ``text``,
``messages`` and ``ids``, at most ``tokens`` tokens to answer with, and seconds to ``think`` before it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from lmloop.core.errors import DataError
from lmloop.loadtest.target import Api


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of a session: one of ``text``, ``messages`` and ``ids``."""

    text: str = ""
    messages: tuple[tuple[str, str], ...] = ()
    ids: tuple[int, ...] = ()
    tokens: int | None = None
    think: float = 0.0

    def row(self) -> dict[str, Any]:
        """Write it as JSON, without what is not there."""
        told: dict[str, Any] = {"text": self.text} if not self.messages and not self.ids else {}
        if self.messages:
            told["messages"] = [{"role": role, "content": content} for role, content in self.messages]
        if self.ids:
            told["ids"] = list(self.ids)
        if self.tokens is not None:
            told["tokens"] = self.tokens
        if self.think:
            told["think"] = self.think
        return told


@dataclass(frozen=True, slots=True)
class Session:
    """One or more turns; ``at`` is when the first begins, in seconds, or None for a user's next one."""

    at: float | None
    turns: tuple[Turn, ...]


def write(path: Path, sessions: Iterable[Session]) -> int:
    """Write a schedule and give the number of sessions."""
    count = 0
    with path.open("wb") as file:
        for session in sessions:
            at = None if session.at is None else round(session.at, 6)
            file.write(orjson.dumps({"at": at, "turns": [turn.row() for turn in session.turns]}) + b"\n")
            count += 1
    return count


def share(path: Path, number: int, workers: int) -> Iterator[tuple[int, Session]]:
    """Give every ``workers``-th session from the ``number``-th on, with its place; the file is read as it is needed.

    Raises:
        DataError: a line is no session.
    """
    with path.open("rb") as file:
        for place, line in enumerate(file):
            if place % workers == number:
                yield place, parse(line, f"{path}:{place + 1}")


def parse(line: bytes, place: str) -> Session:
    """Read a session.

    Raises:
        DataError: it is none.
    """
    try:
        row = orjson.loads(line)
        at = row["at"]
        session = Session(None if at is None else float(at), tuple(_turn(turn) for turn in row["turns"]))
    except (ValueError, KeyError, TypeError, AttributeError) as bad:
        raise DataError(f"{place} is no session of a schedule: {bad!r}", hint="see the guide to load tests") from None
    if not session.turns:
        raise DataError(f"{place}: a session without turns")
    return session


def prompt(api: Api, said: Sequence["Turn | str"]) -> "str | list[int] | list[dict[str, str]]":
    """Write what a request asks: the turns so far, with the replies between them, as messages or as one text.

    Raises:
        DataError: token ids for a chat.
    """
    if api == "chat":
        return [message for each in said for message in _messages(each)]
    if len(said) == 1 and isinstance(said[0], Turn) and said[0].ids:
        return list(said[0].ids)
    return "\n".join(each if isinstance(each, str) else _flat(each) for each in said)


def _messages(said: "Turn | str") -> list[dict[str, str]]:
    if isinstance(said, str):
        return [{"role": "assistant", "content": said}]
    if said.ids:
        raise DataError("token ids can only be asked as completions", hint="--api completions, or prompts of words")
    return [{"role": role, "content": content} for role, content in said.messages or (("user", said.text),)]


def _flat(turn: Turn) -> str:
    return "\n".join(content for _, content in turn.messages) or turn.text


def _turn(row: dict[str, Any]) -> Turn:
    messages = tuple((str(each["role"]), str(each["content"])) for each in row.get("messages", ()))
    ids = tuple(map(int, row.get("ids", ())))
    return Turn(str(row.get("text", "")), messages, ids, row.get("tokens"), float(row.get("think", 0.0)))
