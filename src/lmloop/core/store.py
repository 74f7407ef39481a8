"""The store: one SQLite file with the event log, the catalogue of runs and remembered file digests.

The event log is append-only: the database itself refuses to change or remove an event. The catalogue
only repeats what the run cards say, so a lost file costs nothing but the log.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lmloop.core.errors import DataError

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "create table event (id integer primary key autoincrement, at text not null,"
        " kind text not null, body text not null)",
        "create index event_kind on event (kind, id)",
        "create trigger event_stays before update on event"
        " begin select raise(abort, 'the event log is append-only'); end",
        "create trigger event_remains before delete on event"
        " begin select raise(abort, 'the event log is append-only'); end",
    ),
    (
        "create table run (number integer primary key autoincrement, folder text not null unique,"
        " step text not null, key text not null, recipe text not null, at text not null)",
        "create index run_step on run (step, number)",
        "create table digest (path text primary key, size integer not null, mtime_ns integer not null,"
        " inode integer not null, digest text not null)",
    ),
)
"""Each entry runs once, in order, on a store that has not seen it; entries are only ever added."""

RACY_NS = 2_000_000_000
"""A file touched less than this ago may change again under the same time stamp: its digest is not kept."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened and stays."""

    id: int
    at: str
    kind: str
    body: dict[str, Any]


class Store:
    """An open store. ``path`` is the database file; it is made when it is not there.

    Raises:
        DataError: the file is no store, is damaged, or was written by a newer lmloop.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new_digests: list[tuple[str, int, int, int, str]] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.db = sqlite3.connect(path, timeout=60, isolation_level=None)
            self.db.execute("pragma journal_mode = wal")
            self._migrate()
        except sqlite3.DatabaseError as bad:
            raise DataError(
                f"the store {path} cannot be opened: {bad}",
                hint="move it away: runs are found again by their cards; events are only in this file",
            ) from None

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Write down the digests that were worked out, and let go of the file."""
        if self._new_digests:
            with self.together():
                sql = "insert or replace into digest values (?, ?, ?, ?, ?)"
                self.db.executemany(sql, self._new_digests)
        self.db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write what happens inside as one transaction: all or nothing, and one wait for the disk."""
        self.db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.db.execute("rollback")
            raise
        self.db.execute("commit")

    def append(self, kind: str, **body: Any) -> int:
        """Add one event and give its number. Numbers rise by one order of time, whatever the clock says."""
        text = json.dumps(body, ensure_ascii=False)
        row = self.db.execute("insert into event (at, kind, body) values (?, ?, ?)", (_now(), kind, text))
        return int(row.lastrowid or 0)

    def last(self, kind: str) -> int:
        """Give the number of the newest event of a kind; 0 when there is none."""
        sql = "select coalesce(max(id), 0) from event where kind = ?"
        return int(self.db.execute(sql, (kind,)).fetchone()[0])

    def events(self, kind: str, upto: int | None = None) -> Iterator[Event]:
        """Stream the events of a kind in the order they came, up to an event number."""
        sql = "select id, at, kind, body from event where kind = ? and id <= ? order by id"
        last = self.last(kind) if upto is None else upto
        for number, at, name, body in self.db.execute(sql, (kind, last)):
            yield Event(number, at, name, json.loads(body))

    def note_run(self, folder: str, step: str, key: str, recipe: str) -> None:
        """Put a finished run in the catalogue; a folder made again counts as newest."""
        with self.together():
            self.db.execute("delete from run where folder = ?", (folder,))
            self.db.execute(
                "insert into run (folder, step, key, recipe, at) values (?, ?, ?, ?, ?)",
                (folder, step, key, recipe, _now()),
            )

    def runs(self, step: str | None = None) -> list[str]:
        """List the folders of finished runs, newest first."""
        where = "where step = ?" if step is not None else ""
        sql = f"select folder from run {where} order by number desc"
        return [folder for (folder,) in self.db.execute(sql, (step,) if step is not None else ())]

    def digest(self, path: Path) -> str:
        """Give a file's BLAKE2b digest (32 hexadecimal digits), reading it only when it has changed.

        A file that cannot be read has the digest ``unreadable``.
        """
        try:
            found = path.stat()
            stamp = (found.st_size, found.st_mtime_ns, found.st_ino)
            sql = "select size, mtime_ns, inode, digest from digest where path = ?"
            known = self.db.execute(sql, (str(path),)).fetchone()
            if known and known[:3] == stamp:
                return str(known[3])
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        except OSError:
            return "unreadable"
        if time.time_ns() - found.st_mtime_ns > RACY_NS:
            self._new_digests.append((str(path), *stamp, digest))
        return digest

    def _migrate(self) -> None:
        with self.together():
            done = self.db.execute("pragma user_version").fetchone()[0]
            if done > len(MIGRATIONS):
                raise DataError(
                    f"the store {self.path} was written by a newer lmloop (format {done})",
                    hint="upgrade lmloop",
                )
            for number, statements in enumerate(MIGRATIONS[done:], done + 1):
                for sql in statements:
                    self.db.execute(sql)
                self.db.execute(f"pragma user_version = {number}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
