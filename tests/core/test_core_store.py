"""The event log only grows, and the database itself sees to it."""

import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core import store as module
from lmloop.core.errors import DataError, StepError
from lmloop.core.store import MIGRATIONS, Store

bodies = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key not in ("kind", "self")), st.text(max_size=8), max_size=3
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "log.db")


@given(st.lists(st.tuples(st.sampled_from(["vote", "chat", "记忆"]), bodies), max_size=8))
def test_what_was_said_comes_back_in_order(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, dict[str, str]]]
) -> None:
    with Store(tmp_path_factory.mktemp("log") / "log.db") as log:
        numbers = [log.append(kind, **body) for kind, body in said]
        assert numbers == sorted(set(numbers))
        for kind in {kind for kind, _ in said}:
            mine = [body for name, body in said if name == kind]
            heard = [event.body for event in log.events(kind)]
            assert [str(row).encode("utf-8", "replace") for row in heard] == [
                str(row).encode("utf-8", "replace") for row in mine
            ]
            first = next(log.events(kind))
            assert list(log.events(kind, upto=first.id)) == [first]


@pytest.mark.parametrize(
    "sql",
    [
        "update event set body = '{}'",
        "delete from event",
        "insert or replace into event (id, at, kind, body) values (1, '', 'vote', '{}')",
    ],
)
def test_an_event_can_be_neither_changed_nor_removed(store: Store, sql: str) -> None:
    store.append("vote", answer=1)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        store.db.execute(sql)
    assert [event.body for event in store.events("vote")] == [{"answer": 1}]


def test_a_store_of_any_earlier_format_is_brought_up_to_date(tmp_path: Path) -> None:
    for done in range(len(MIGRATIONS)):
        path = tmp_path / f"{done}.db"
        with sqlite3.connect(path) as old:
            for statements in MIGRATIONS[:done]:
                for sql in statements:
                    old.execute(sql)
            if done:
                old.execute("insert into event (at, kind, body) values ('2020', 'vote', '{\"answer\": 0}')")
            old.execute(f"pragma user_version = {done}")
        old.close()
        with Store(path) as now:
            assert [event.body for event in now.events("vote")] == [{"answer": 0}] * bool(done)
            assert now.append("vote", answer=1) == 1 + bool(done)
            assert now.db.execute("pragma user_version").fetchone() == (len(MIGRATIONS),)


def test_what_is_no_store_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database at all, but long enough to be looked at" * 20)
    with pytest.raises(DataError, match="cannot be used"):
        Store(tmp_path / "text.db")
    assert (tmp_path / "text.db").read_text().startswith("not a database")
    with Store(tmp_path / "new.db") as newer:
        newer.db.execute("pragma user_version = 99")
    with pytest.raises(DataError, match="written by a newer lmloop"):
        Store(tmp_path / "new.db")
    with pytest.raises(DataError, match="cannot be made"):
        Store(tmp_path / "text.db" / "inside.db")


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    def speak_and_fail() -> None:
        with store.together():
            store.append("vote", answer=1)
            raise KeyError

    with pytest.raises(KeyError):
        speak_and_fail()
    assert store.last("vote") == 0


def test_many_may_write_at_once(tmp_path: Path) -> None:
    def speak(who: int) -> None:
        with Store(tmp_path / "log.db") as mine:
            for number in range(20):
                mine.append("vote", by=who, number=number)

    threads = [threading.Thread(target=speak, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(tmp_path / "log.db") as log:
        heard = [(event.body["by"], event.body["number"]) for event in log.events("vote")]
    assert sorted(heard) == [(who, number) for who in range(4) for number in range(20)]
    for who in range(4):
        assert [number for by, number in heard if by == who] == list(range(20))


def test_a_store_that_another_keeps_to_itself_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    Store(tmp_path / "log.db").close()
    other = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    other.execute("begin exclusive")
    with pytest.raises(StepError, match="keeps the store"):
        Store(tmp_path / "log.db")
    other.close()


def test_runs_are_listed_newest_first_and_a_remade_one_is_newest(store: Store) -> None:
    for folder, step in (("a-1", "a"), ("b-1", "b"), ("a-2", "a"), ("a-1", "a")):
        store.note_run(folder, step, "key", "recipe")
    assert store.runs() == ["a-1", "a-2", "b-1"]
    assert store.runs("a") == ["a-1", "a-2"]
    assert store.next_number() == 5


def test_a_digest_is_remembered_only_while_the_file_is_the_same(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("one")
    first = store.digest(path)
    assert len(first) == 32
    stamp = path.stat()
    path.write_text("two")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert store.digest(path) != first
    assert store.digest(tmp_path / "none") == "unreadable"
    path.unlink()
    path.mkdir()
    assert store.digest(path) == "unreadable"


def test_an_old_file_is_read_once(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.txt"
    path.write_text("one")
    later = time.time_ns() + 10_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)
    first = store.digest(path)
    store.keep_digests()
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was read again"))
    with Store(store.path) as again:
        assert again.digest(path) == first
