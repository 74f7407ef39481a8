"""A pool of worker processes that does a list of tasks, each once, whatever dies on the way.

A task that is done leaves a small file with its result (``<name>.json``); a later call finds it and does
not do the task again. Results come back in the order of the tasks, so nothing depends on who was faster.
"""

import json
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from lmloop.core.errors import StepError
from lmloop.core.progress import Bar, Progress, Silent

Result: TypeAlias = dict[str, Any]

MOST_DEATHS = 3
"""So often may a worker die on one task before we say that the task kills it."""


class Task(Protocol):
    """What a pool does: anything that can be pickled, has a name of its own and a size in bytes."""

    @property
    def name(self) -> str:
        """The name of the task, a file name."""
        ...

    @property
    def size(self) -> int:
        """How much work it is, for progress."""
        ...


T = TypeVar("T", bound=Task)


class Pool:
    """Worker processes, started on first use. With one worker the work is done in this process."""

    def __init__(self, workers: int, progress: Progress | None = None) -> None:
        self.workers = max(1, workers)
        self.progress = progress or Silent()
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._close()
        else:
            self._kill()

    def each(self, label: str, work: Callable[[T], Result], tasks: Sequence[T], done: Path) -> list[Result]:
        """Do every task that has no result in the folder ``done`` yet; give all results in order.

        Raises:
            StepError: a worker died on the same task three times.
        """
        done.mkdir(parents=True, exist_ok=True)
        open_tasks = [task for task in tasks if not _result_file(done, task).exists()]
        total = sum(task.size for task in open_tasks) / 1e6
        with self.progress.bar(label, total, "MB") as bar:
            if self.workers == 1 or len(open_tasks) == 1:
                for task in open_tasks:
                    _finish(done, task, work(task), bar)
            elif open_tasks:
                _Round(self, work, open_tasks, done, bar).go()
        return [json.loads(_result_file(done, task).read_text(encoding="utf-8")) for task in tasks]

    def submit(self, work: Callable[[T], Result], task: T) -> "Future[Result]":
        """Hand one task to a worker."""
        if self._executor is None:
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self.workers, context, _prepare_worker, (os.getpid(),))
        return self._executor.submit(work, task)

    def restart(self) -> None:
        """Forget workers of which one died."""
        self._kill()

    def _close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown()
            self._executor = None

    def _kill(self) -> None:
        """Stop at once: what a worker has in hand is lost, and made again the next time."""
        if self._executor is None:
            return
        processes = list((self._executor._processes or {}).values())
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        self._executor = None


class _Round(Generic[T]):
    """One list of tasks being done: what waits, what is in hand, and what has killed a worker."""

    def __init__(self, pool: Pool, work: Callable[[T], Result], tasks: Sequence[T], done: Path, bar: Bar) -> None:
        self.pool, self.work, self.done, self.bar = pool, work, done, bar
        self.waiting = deque(tasks)
        self.suspects: deque[T] = deque()
        self.in_hand: dict[Future[Result], T] = {}
        self.deaths: dict[str, int] = {}

    def go(self) -> None:
        """Keep the workers busy until all is done."""
        while self.waiting or self.suspects or self.in_hand:
            self._hand_out()
            finished, _ = wait(self.in_hand, return_when=FIRST_COMPLETED)
            try:
                for future in finished:
                    _finish(self.done, self.in_hand[future], future.result(), self.bar)
                    del self.in_hand[future]
            except BrokenProcessPool:
                self._survive()

    def _hand_out(self) -> None:
        # a task that was in hand when a worker died goes alone: a second death is then surely its own
        if self.suspects:
            if not self.in_hand:
                self._submit(self.suspects)
            return
        while self.waiting and len(self.in_hand) < 2 * self.pool.workers:
            if not self._submit(self.waiting):
                return

    def _submit(self, queue: deque[T]) -> bool:
        task = queue.popleft()
        try:
            self.in_hand[self.pool.submit(self.work, task)] = task
        except BrokenProcessPool:
            queue.appendleft(task)
            self._survive()
            return False
        return True

    def _survive(self) -> None:
        alone = len(self.in_hand) == 1
        for task in self.in_hand.values():
            if alone:
                self.deaths[task.name] = self.deaths.get(task.name, 0) + 1
                if self.deaths[task.name] >= MOST_DEATHS:
                    raise StepError(
                        f"a worker died {MOST_DEATHS} times on {task.name}",
                        hint="most often the machine is out of memory: use fewer workers or smaller shards",
                    )
            self.suspects.append(task)
        self.in_hand.clear()
        self.pool.progress.say("  a worker process died: its work is done again")
        self.pool.restart()


def _finish(done: Path, task: Task, result: Result, bar: Bar) -> None:
    place = done / f"{task.name}.json.tmp"
    place.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
    place.replace(_result_file(done, task))
    bar.advance(task.size / 1e6)


def _result_file(done: Path, task: Task) -> Path:
    return done / f"{task.name}.json"


def _prepare_worker(parent: int) -> None:
    """Leave Ctrl-C to the parent, use one core, and do not outlive the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.3)
    os._exit(1)
