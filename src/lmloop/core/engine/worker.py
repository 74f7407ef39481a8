"""A worker process, seen from both sides: asked by a pool, and serving it.

A worker is a bare interpreter that talks over its stdin and stdout. It does not import the user's script (which
may have no ``if __name__ == "__main__"``, or be a notebook, or come from stdin), it leaves Ctrl-C to its parent,
and it ends when its parent does, however that ends: the pipe it listens to is then closed.
"""

import contextlib
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any, cast

from lmloop.core.errors import LmloopError, PartError

START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from lmloop.core.engine.worker import serve; serve()"
)
LENGTH = struct.Struct("<Q")


class WorkerDied(Exception):
    """The process ended before it answered."""


class Worker:
    """A process that does one thing after another."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", START], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._greeted = False

    def ask(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Have a function called with some arguments, and give or raise what it gives or raises.

        Raises:
            WorkerDied: the process ended.
        """
        request = pickle.dumps((work, arguments))
        try:
            self._send(request)
            answer = _read(cast("IO[bytes]", self.process.stdout))
        except (BrokenPipeError, ConnectionError):
            answer = None
        if answer is None:
            self.kill()
            raise WorkerDied(_ending(self.process.returncode))
        fine, value = pickle.loads(answer)
        if not fine:
            raise value
        return value

    def kill(self) -> None:
        """End the process at once; what it has in hand is lost."""
        self.process.kill()
        self.process.wait()
        self._close_pipes()

    def close(self) -> None:
        """Let the process end by itself; it has nothing in hand."""
        self._close_pipes()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()

    def _send(self, request: bytes) -> None:
        stdin = cast("IO[bytes]", self.process.stdin)
        if not self._greeted:
            stdin.write(pickle.dumps(sys.path))
            self._greeted = True
        stdin.write(LENGTH.pack(len(request)) + request)
        stdin.flush()

    def _close_pipes(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):  # what could not be sent to a dead process is lost with it
                cast("IO[bytes]", pipe).close()


def shield_from_interrupts() -> None:
    """Keep Ctrl-C from this thread and from the processes that it starts; the main thread still gets it."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def serve() -> None:
    """Answer requests until the parent closes the pipe. The one thing that a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what an op prints is talk, and must not get between the answers
        requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(requests,), daemon=True).start()
        import pyarrow as pa

        pa.set_cpu_count(1)
        pa.set_io_thread_count(1)
        while True:
            answer = _answer(requests.get())
            try:
                answers.write(LENGTH.pack(len(answer)) + answer)
                answers.flush()
            except OSError:
                os._exit(0)  # nobody listens any more


def _listen(requests: "queue.SimpleQueue[bytes]") -> None:
    while (request := _read(sys.stdin.buffer)) is not None:
        requests.put(request)
    os._exit(0)  # at once, also in the middle of work: the parent is done with us or dead


def _answer(request: bytes) -> bytes:
    try:
        work, arguments = pickle.loads(request)
    except (ImportError, AttributeError) as bad:
        hint = "what a step gives to workers must be in a module that can be imported"
        return pickle.dumps((False, PartError(f"a worker cannot load its work: {bad}", hint)))
    try:
        return pickle.dumps((True, work(*arguments)))
    except Exception as bad:
        return pickle.dumps((False, _portable(bad)))


def _portable(bad: Exception) -> Exception:
    """Make an exception ready to travel; one that is nobody's mistake but ours takes its traceback along."""
    if isinstance(bad, LmloopError | OSError | MemoryError):
        return bad
    trace = "".join(traceback.format_exception(bad))
    try:
        pickle.loads(pickle.dumps(bad))
    except Exception:
        bad = RuntimeError(f"{type(bad).__name__}: {bad}")
    bad.add_note(f"in a worker process:\n{trace}")
    return bad


def _read(pipe: IO[bytes]) -> bytes | None:
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = pipe.read(length)
    return body if len(body) == length else None


def _ending(code: int) -> str:
    return f"ended by signal {-code}" if code < 0 else f"ended with code {code}"
