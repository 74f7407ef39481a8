"""The store: one SQLite file with the event log, the catalogue of runs and remembered file digests.

The event log is append-only: the database itself refuses to change or remove an event. The catalogue
only repeats what the run cards say, so a lost file costs nothing but the log.
"""

import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from errno import ENOSPC
from pathlib import Path
from stat import S_ISREG
from typing import Any, TypeAlias

from lmloop.core.errors import DataError, LmloopError, StepError, disk_full

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
    (
        # "insert or replace" removes a row without asking the trigger on delete
        "create trigger event_is_new before insert on event when exists (select 1 from event where id = new.id)"
        " begin select raise(abort, 'the event log is append-only'); end",
        # anybody can set a file's time of change back; only the system sets the time of doing so (ctime)
        "drop table digest",
        "create table digest (path text primary key, size integer not null, mtime_ns integer not null,"
        " ctime_ns integer not null, inode integer not null, digest text not null)",
    ),
)
"""Each entry runs once, in order, on a store that has not seen it; entries are only ever added."""

RACY_NS = 2_000_000_000
"""A file touched less than this ago may change again under the same time stamp: its digest is not kept."""

PATIENCE = 60.0
"""So many seconds we wait for another process to finish writing."""

Stamp: TypeAlias = tuple[int, int, int, int]
"""Size, times of change (of the content, of anything) and inode: while they stay, so does the content."""


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
        StepError: the disk is full, or another process keeps the store to itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known_digests: dict[str, tuple[Stamp, str]] | None = None
        self._new_digests: dict[str, tuple[Stamp, str]] = {}
        with self._clear():
            _make_folder(path.parent)
            self.db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
            try:
                self._use_wal()
                self._migrate()
            except BaseException:
                self.db.close()
                raise

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.keep_digests()
        self.db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write what happens inside as one transaction: all or nothing, and one wait for the disk."""
        with self._clear():
            self.db.execute("begin immediate")
            try:
                yield
                self.db.execute("commit")
            except BaseException:
                if self.db.in_transaction:  # a full disk may have ended it already
                    self.db.execute("rollback")
                raise

    def append(self, kind: str, **body: Any) -> int:
        """Add one event and give its number. Numbers rise in the order of writing, whatever the clock says."""
        # half a surrogate pair comes out of browsers, and is no reason to lose what somebody said
        text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace").decode()
        with self._clear():
            row = self.db.execute("insert into event (at, kind, body) values (?, ?, ?)", (_now(), kind, text))
        return int(row.lastrowid or 0)

    def last(self, kind: str) -> int:
        """Give the number of the newest event of a kind; 0 when there is none."""
        with self._clear():
            sql = "select coalesce(max(id), 0) from event where kind = ?"
            return int(self.db.execute(sql, (kind,)).fetchone()[0])

    def events(self, kind: str, upto: int | None = None) -> Iterator[Event]:
        """Stream the events of a kind in the order they came, up to an event number."""
        last = self.last(kind) if upto is None else upto
        with self._clear():
            sql = "select id, at, kind, body from event where kind = ? and id <= ? order by id"
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
        with self._clear():
            sql = f"select folder from run {where} order by number desc"
            return [folder for (folder,) in self.db.execute(sql, (step,) if step is not None else ())]

    def next_number(self) -> int:
        """Give a number above that of every run in the catalogue."""
        with self._clear():
            return int(self.db.execute("select coalesce(max(number), 0) + 1 from run").fetchone()[0])

    def digest(self, path: Path) -> str:
        """Give a file's BLAKE2b digest (32 hexadecimal digits), reading it only when it has changed.

        A file that cannot be read has the digest ``unreadable``.
        """
        name = str(path)
        try:
            found = path.stat()
            stamp = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
            known = self._new_digests.get(name) or self._old_digests().get(name)
            if known and known[0] == stamp:
                return known[1]
            if not S_ISREG(found.st_mode):  # opening a pipe would wait for somebody to write to it
                return "unreadable"
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        except (OSError, ValueError):
            return "unreadable"
        # a time of change in the future is as good as one in the past: a new one would be another
        if min(abs(time.time_ns() - at) for at in stamp[1:3]) > RACY_NS:
            self._new_digests[name] = stamp, digest
        return digest

    def keep_digests(self) -> None:
        """Write down the digests that were worked out. They are only there to save time: failing is no harm."""
        rows = [(name, *stamp, digest) for name, (stamp, digest) in self._new_digests.items() if _writable(name)]
        with suppress(LmloopError):
            if rows:
                with self.together():
                    self.db.executemany("insert or replace into digest values (?, ?, ?, ?, ?, ?)", rows)
        self._old_digests().update(self._new_digests)
        self._new_digests.clear()

    def _old_digests(self) -> dict[str, tuple[Stamp, str]]:
        if self._known_digests is None:
            with self._clear():
                rows = self.db.execute("select path, size, mtime_ns, ctime_ns, inode, digest from digest").fetchall()
            self._known_digests = {row[0]: ((row[1], row[2], row[3], row[4]), row[5]) for row in rows}
        return self._known_digests

    def _use_wal(self) -> None:
        """Let others read while one writes. To say so needs the file alone, and sqlite does not wait for that."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.db.execute("pragma journal_mode = wal")
                return
            except sqlite3.OperationalError as bad:
                if bad.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
                time.sleep(0.05)

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

    @contextmanager
    def _clear(self) -> Iterator[None]:
        """Tell what the database refuses as a user's message."""
        try:
            yield
        except sqlite3.DatabaseError as bad:
            raise self._explain(bad) from bad

    def _explain(self, bad: sqlite3.DatabaseError) -> LmloopError:
        code = getattr(bad, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code == sqlite3.SQLITE_FULL or (code in NEEDS_ROOM and _no_room(self.path.parent)):
            return disk_full(f"the store {self.path} could not be written")
        if code == sqlite3.SQLITE_BUSY:
            return StepError(f"another process keeps the store {self.path} to itself", hint="try again in a while")
        if code == sqlite3.SQLITE_CONSTRAINT:
            return StepError(f"the store {self.path} refuses that: {bad}")
        if code in NEEDS_ROOM:
            return StepError(f"the store {self.path} could not be read or written: {bad}", hint="try again in a while")
        return DataError(
            f"the store {self.path} cannot be used: {bad}",
            hint="move it away: runs are found again by their cards; events are only in this file",
        )


NEEDS_ROOM = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
"""What sqlite says of a disk that refuses to write; a full one is behind it now and then."""


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as bad:
        if bad.errno == ENOSPC:
            raise disk_full(f"the folder {folder} could not be made") from bad
        raise DataError(f"the folder {folder} cannot be made: {bad.strerror}") from bad


def _no_room(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < 1 << 16
    except OSError:
        return False


def _writable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # a file name that is no text has no place in a database of text
        return False
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
