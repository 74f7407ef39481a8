"""The sandbox holds what attacks it, and tells how each program ended."""

import os
import time
from pathlib import Path

import pytest

from lmloop.scoring.sandbox import Limits, Outcome, run, run_all

ATTACKS = {
    "a fork bomb": ("import os\nwhile True: os.fork()", {"failed", "died", "timeout"}),
    "an endless loop": ("while True: pass", {"timeout"}),
    "a long sleep": ("import time; time.sleep(60)", {"timeout"}),
    "a memory hog": ("x = ' ' * (1 << 34)", {"memory"}),
    "many threads": (
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()",
        {"failed", "timeout", "died", "memory"},
    ),
    "endless output": ("while True: print('x' * 10000)", {"output"}),
    "a huge file": ("f = open('b', 'wb')\nwhile True: f.write(b'x' * (1 << 20))", {"failed", "died"}),
    "leaving early": ("import os; os._exit(0)", {"died"}),
    "an exit that looks well": ("raise SystemExit(0)", {"failed"}),
    "a connection": ("import socket; socket.create_connection(('127.0.0.1', 9), 1)", {"failed"}),
    "a crash": ("import ctypes; ctypes.string_at(0)", {"died"}),
    "a signal to its parent": ("import os; os.kill(os.getppid(), 9)", {"failed", "died"}),
    "the parent's secrets": ("import os; open(f'/proc/{os.getppid()}/environ').read()", {"failed"}),
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    programs = [program for program, _ in ATTACKS.values()]
    return dict(zip(ATTACKS, run_all(programs, Limits(seconds=1.5)), strict=True))


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_fail_and_are_told(name: str, outcomes: dict[str, Outcome]) -> None:
    assert outcomes[name].status in ATTACKS[name][1], outcomes[name]
    assert outcomes[name].seconds < 10


def test_nothing_is_written_outside(tmp_path: Path) -> None:
    place = tmp_path / "evil"
    outcome = run(f"open({str(place)!r}, 'w').write('x')")
    assert outcome.status == "failed"
    assert not place.exists()


def test_programs_run_in_a_folder_of_their_own_which_is_gone_afterwards() -> None:
    outcome = run("import os\nopen('a.txt', 'w').write('x')\nprint(os.getcwd(), os.listdir())")
    assert outcome.passed, outcome
    folder, listing = outcome.out.split(" ", 1)
    assert listing.strip() == "['a.txt']"
    assert not Path(folder).exists()
    assert outcome.locks


def test_errors_and_prints_are_told() -> None:
    outcome = run("print('猫')\nassert 1 == 2, 'no'")
    assert (outcome.status, outcome.why, outcome.out) == ("failed", "AssertionError: no", "猫\n")


def test_many_run_at_once() -> None:
    start = time.monotonic()
    count = max(os.cpu_count() or 1, 2)
    assert all(one.status == "timeout" for one in run_all(["import time; time.sleep(60)"] * count, Limits(seconds=1)))
    assert time.monotonic() - start < count
