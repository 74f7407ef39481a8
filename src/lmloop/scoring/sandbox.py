"""Run programs that a model wrote, each in a process of its own that can do no harm, many at once.

On Linux a program gets namespaces of its own for processes and network (so that it sees nobody and nothing answers),
a Landlock domain (it reads Python and the system's libraries, and writes its own temporary folder), and a seccomp
filter (no sockets, no new processes, no signals); and limits of time, memory, files and output. Where a kernel grants
less, :attr:`Outcome.locks` says so. No sandbox in user space replaces a virtual machine for code that is meant to
attack.
"""

import json
import os
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CELL = Path(__file__).with_name("cell.py")
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use: seconds by the clock, bytes of memory, of a file, and of what it prints."""

    seconds: float = 3.0
    memory: int = 1 << 30
    disk: int = 16 << 20
    output: int = 1 << 18


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended.

    ``status`` is ``passed`` (it came to its end), ``failed`` (an exception, whose last line is ``why``), ``timeout``,
    ``memory``, ``output`` (it printed too much) or ``died`` (it left without coming to its end). ``locks`` names what
    held it: ``namespaces``, ``landlock``, ``seccomp``, or ``audit``, which is Python's own and no wall.
    """

    status: str
    why: str = ""
    out: str = ""
    seconds: float = 0.0
    locks: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it came to its end without an error."""
        return self.status == "passed"


def run_all(programs: Sequence[str], limits: Limits | None = None, workers: int = 0) -> list[Outcome]:
    """Run Python programs, as many at a time as there are processors (or ``workers``), and tell how each ended."""
    allowed = limits or Limits()
    count = max(1, min(workers or os.cpu_count() or 1, len(programs)))
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda program: run(program, allowed), programs))


def run(program: str, limits: Limits | None = None) -> Outcome:
    """Run one Python program and tell how it ended."""
    allowed, folder = limits or Limits(), tempfile.mkdtemp(prefix="lmloop-cell-")
    start = time.monotonic()
    try:
        return _run(program, allowed, folder, start)
    finally:
        _remove(folder)


def _run(program: str, limits: Limits, folder: str, start: float) -> Outcome:
    reading, writing = os.pipe()
    token = secrets.token_hex(8)
    order = {"folder": folder, "report": writing, "token": token, "seconds": limits.seconds}
    head = json.dumps({**order, "memory": limits.memory, "disk": limits.disk}).encode()
    process = subprocess.Popen(
        [sys.executable, "-I", "-B", "-X", "utf8", str(CELL)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(writing,),
        env={"PATH": os.defpath, "HOME": folder, "TMPDIR": folder, "PYTHONHASHSEED": "0"},
        start_new_session=True,
    )
    os.close(writing)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with suppress(BrokenPipeError):
            process.stdin.write(head + b"\n" + program.encode("utf-8", "replace"))
            process.stdin.close()
        ended, said, told = _listen((process.stdout.fileno(), reading), start + limits.seconds, limits.output)
    finally:
        _kill(process)
        os.close(reading)
        process.stdout.close()
    seconds = time.monotonic() - start
    return _outcome(ended or _how(process.returncode), said, told, (token, seconds))


def _listen(pipes: tuple[int, int], deadline: float, most: int) -> tuple[str, bytes, bytes]:
    """Read what is printed and what is reported until both are closed, too much is said, or time is up."""
    heard = {pipe: bytearray() for pipe in pipes}
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return "timeout", bytes(heard[pipes[0]]), b""
            for key, _ in selector.select(left):
                if not (piece := os.read(key.fd, CHUNK)):
                    selector.unregister(key.fd)
                heard[key.fd] += piece
                if len(heard[key.fd]) > most:
                    return "output", bytes(heard[pipes[0]][:most]), b""
    return "", bytes(heard[pipes[0]]), bytes(heard[pipes[1]])


def _outcome(ended: str, said: bytes, told: bytes, known: tuple[str, float]) -> Outcome:
    token, seconds = known
    out = said.decode("utf-8", "replace")
    try:
        report = json.loads(told)
    except ValueError:
        report = {}
    if report.get("token") != token:
        lines = out.strip().splitlines()
        return Outcome(ended, lines[-1][:2000] if lines and ended == "died" else "", out, seconds)
    return Outcome(str(report["status"]), str(report["why"]), out, seconds, tuple(report["locks"]))


def _how(code: int) -> str:
    # 128 + SIGXCPU, or what the inner processes pass on of it
    return "timeout" if code in (-signal.SIGXCPU, (-signal.SIGXCPU) & 255) else "died"


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _remove(folder: str) -> None:
    def again(function: object, place: str, _: object) -> None:
        with suppress(OSError):
            os.chmod(os.path.dirname(place), 0o700)  # noqa: PTH101, PTH120
            os.chmod(place, 0o700)  # noqa: PTH101
            os.remove(place) if not os.path.isdir(place) else shutil.rmtree(place, ignore_errors=True)  # noqa: PTH107, PTH112

    shutil.rmtree(folder, onerror=again)
