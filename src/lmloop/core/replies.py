"""Replies that are kept: what a model was asked once it is not asked again, in this run or another.

A reply is named by what gives it: the model's fingerprint and the request. So a run that was killed goes on where it
was, and another task that asks the same costs nothing.
"""

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from lmloop.core.content import files_digest
from lmloop.core.errors import DataError
from lmloop.core.model import (
    Done,
    Embeds,
    Fingerprinted,
    Generates,
    Model,
    Prompt,
    Reply,
    Sampling,
    Scores,
    Writes,
    Writing,
)
from lmloop.core.outside import resolve
from lmloop.core.part import Part

FILE = "replies.db"
"""The file beside the runs that holds them."""

EVERY = 1.0
"""So many seconds of replies are lost at most when the process is killed."""

LOOKED_UP = 500
PATIENCE = 60.0


class Kept:
    """The replies of a home, in a file of SQLite; used by one process or several, and by any thread of one.

    Raises:
        DataError: the file is none of SQLite's, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hits = 0
        self.lock = threading.Lock()
        try:
            self.base = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            self.base.execute("pragma journal_mode = wal")
            self.base.execute("pragma synchronous = normal")
            self.base.execute(
                "create table if not exists reply (key blob primary key, said text not null, seconds real not null)"
                " without rowid"
            )
        except sqlite3.Error as bad:
            raise self._trouble("used", bad) from None
        self.waiting: list[tuple[bytes, str, float]] = []
        self.spoke = time.monotonic()

    def find(self, keys: Sequence[bytes]) -> dict[bytes, tuple[Reply, float]]:
        """Look up replies, with the seconds that each took.

        Raises:
            DataError: the file is damaged.
        """
        found: dict[bytes, tuple[Reply, float]] = {}
        for first in range(0, len(keys), LOOKED_UP):
            some = keys[first : first + LOOKED_UP]
            marks = ",".join("?" * len(some))
            try:
                rows = self.base.execute(f"select key, said, seconds from reply where key in ({marks})", some)
                found |= {key: (Reply(**json.loads(said)), seconds) for key, said, seconds in rows}
            except (sqlite3.Error, ValueError, TypeError) as bad:
                raise self._trouble("read", bad) from None
        self.hits += len(found)
        return found

    def keep(self, key: bytes, reply: Reply, seconds: float) -> None:
        """Keep a reply; it is on disk within a second, or when the file is closed."""
        said = {name: value for name, value in asdict(reply).items() if value != _PLAIN.get(name)}
        with self.lock:
            self.waiting.append((key, json.dumps({"text": reply.text, **said}, ensure_ascii=False), seconds))
            if time.monotonic() - self.spoke > EVERY:
                self._flush()

    def flush(self) -> None:
        """Put on disk what waits."""
        with self.lock:
            self._flush()

    def _flush(self) -> None:
        try:
            self.base.execute("begin immediate")
            self.base.executemany("insert or ignore into reply values (?, ?, ?)", self.waiting)
            self.base.execute("commit")
        except sqlite3.Error as bad:
            raise self._trouble("written", bad) from None
        self.waiting, self.spoke = [], time.monotonic()

    def _trouble(self, doing: str, bad: Exception) -> DataError:
        return DataError(f"{self.path} cannot be {doing}: {bad}", hint="move it away: it only saves time")

    def close(self) -> None:
        """Put all on disk and let go of the file."""
        self.flush()
        self.base.close()


_PLAIN: Mapping[str, Any] = asdict(Reply(""))
_OPEN: ContextVar[Kept | None] = ContextVar("_OPEN", default=None)


@contextmanager
def kept_replies(path: Path) -> Iterator[Kept]:
    """Open the replies of a home, for :func:`remembered`, too; all is on disk at the end, whatever happens."""
    kept = Kept(path)
    before = _OPEN.set(kept)
    try:
        yield kept
    finally:
        _OPEN.reset(before)
        kept.close()


def remembered(model: Model) -> Model:
    """Wrap a model so that its replies are kept where any are; what is asked outside of a step is not kept."""
    kept = _OPEN.get()
    return model if kept is None else cast(Model, remembering(model, kept))


class _Remembering:
    """A model that is only asked what is not known yet. ``seconds`` is what all replies took when they were made."""

    def __init__(self, model: Model, name: str, kept: Kept) -> None:
        self.model, self.name, self.kept = model, name, kept
        self.seconds = 0.0

    def _answered(
        self, keys: Sequence[bytes], ask: Callable[[list[int], Done], list[Reply]], done: Done | None
    ) -> list[Reply]:
        """Give the reply to each key: those that are known, and of the others each once, by the place of its first."""
        first = {key: place for place, key in reversed(list(enumerate(keys)))}
        known = self.kept.find(list(first))
        self.seconds += sum(seconds for _, seconds in known.values())
        replies = {key: reply for key, (reply, _) in known.items()}
        places = sorted(place for key, place in first.items() if key not in known)
        wanted: dict[bytes, list[int]] = {}
        for place, key in enumerate(keys):
            wanted.setdefault(key, []).append(place)
        tell = done or (lambda place, reply: None)
        for key, reply in replies.items():
            for place in wanted[key]:
                tell(place, reply)
        if places:
            mark = time.monotonic()

            def heard(number: int, reply: Reply) -> None:
                nonlocal mark
                now = time.monotonic()
                spent, mark = now - mark, now
                self.seconds += spent
                key = keys[places[number]]
                if not reply.error:
                    self.kept.keep(key, reply, spent)
                for place in wanted[key]:
                    tell(place, reply)

            said = ask(places, heard)
            replies |= {keys[place]: reply for place, reply in zip(places, said, strict=True)}
        return [replies[key] for key in keys]


class _Writers(_Remembering):
    def _keys(self, asked: Iterable[tuple[Prompt, Sampling]]) -> list[bytes]:
        """Name the reply to each; the same sampled twice is drawn twice."""
        counts: dict[bytes, int] = {}
        keys = []
        for prompt, sampling in asked:
            key = request_key(self.name, prompt, sampling)
            if sampling.temperature:
                counts[key] = again = counts.get(key, -1) + 1
                key = request_key(self.name, prompt, sampling, again)
            keys.append(key)
        return keys


class _Generates(_Writers):
    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        """Answer each prompt."""
        model = cast(Generates, self.model)
        keys = self._keys((prompt, sampling) for prompt in prompts)
        return self._answered(
            keys, lambda places, heard: model.generate([prompts[place] for place in places], sampling, heard), done
        )


class _Writes(_Writers):
    def write(self, requests: Sequence[Writing], done: Done | None = None) -> list[Reply]:
        """Answer each request."""
        model = cast(Writes, self.model)
        keys = self._keys((request.prompt, request.sampling) for request in requests)
        return self._answered(
            keys, lambda places, heard: model.write([requests[place] for place in places], heard), done
        )


class _Scores(_Remembering):
    def score(self, pairs: Sequence[tuple[Prompt, str]], done: Done | None = None) -> list[Reply]:
        """Give the log-probability of each text after its prompt."""
        model = cast(Scores, self.model)
        keys = [request_key(self.name, prompt, text) for prompt, text in pairs]
        return self._answered(keys, lambda places, heard: model.score([pairs[place] for place in places], heard), done)


class _Embeds(_Remembering):
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Give one vector for each text; none is kept."""
        return cast(Embeds, self.model).embed(texts)


_POWERS: tuple[tuple[type, type], ...] = (
    (Generates, _Generates),
    (Writes, _Writes),
    (Scores, _Scores),
    (Embeds, _Embeds),
)


def remembering(model: Model, kept: Kept) -> Any:
    """Wrap a model so that its replies are kept; what comes back has the same powers, and ``seconds``."""
    bases = tuple(wrapper for power, wrapper in _POWERS if isinstance(model, power))
    return type("Remembering", bases, {})(model, fingerprint(model), kept)


def fingerprint(model: Model) -> str:
    """Name all that decides what a model says: its own fingerprint, and else its settings and the files they name."""
    if isinstance(model, Fingerprinted):
        return model.fingerprint()
    assert isinstance(model, Part)
    settings = {name: _content(value) for name, value in model.identity().items()}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:32]


def _content(value: Any) -> Any:
    """Of a setting that names a file or a folder, what that holds."""
    if not isinstance(value, str) or not value:
        return value
    place = resolve(value)
    if place.is_dir():
        return files_digest(path for path in place.rglob("*") if path.is_file())
    return files_digest([place]) if place.is_file() else value


def request_key(name: str, prompt: Prompt, asked: Sampling | str, again: int = 0) -> bytes:
    """Name a reply by the model's fingerprint and the request: a text to score or how to write."""
    turns = [[turn.role, turn.text] for turn in prompt]
    rest = asked if isinstance(asked, str) else asdict(asked)
    body = json.dumps([name, turns, rest, *([again] if again else [])], ensure_ascii=False)
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).digest()
