"""A pool of worker processes that does a list of tasks, each once, whatever dies on the way.

A task that is done leaves a small file with its result (a mark); a later call finds it and does not do the task
again. Results come back in the order of the tasks, so nothing depends on who was faster.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from lmloop.core.engine.marks import Result, Task, mark_file, read_mark, task_digest, write_mark
from lmloop.core.engine.worker import Worker, WorkerDied, shield_from_interrupts
from lmloop.core.errors import Interrupted, StepError
from lmloop.core.progress import Bar, Progress, Silent

MOST_DEATHS = 3
"""So often may a worker die on one task before we say that the task kills it."""
MEMORY = 2 << 30

MEMORY_HINT = "most often the machine is out of memory: use fewer workers or smaller shards"

T = TypeVar("T", bound=Task)


@dataclass(frozen=True, slots=True)
class Order(Generic[T]):
    """A task to do, how, and where its mark goes."""

    work: Callable[..., Result]
    task: T
    digest: str
    done: Path


def carry_out(order: Order[T], *given: Any) -> None:
    """Do a task and leave its mark. Whoever does the work also marks it: nothing finished is ever done again.

    ``given`` is handed to the work beside the task: what it would otherwise read from files.
    """
    write_mark(order.done, order.task, order.digest, order.work(order.task, *given))


class Pool:
    """Worker processes, started on first use. With one worker the work is done in this process.

    ``memory`` is in bytes, for all workers together; ``share`` is what one of them may use.
    """

    def __init__(self, workers: int, progress: Progress | None = None, memory: int = MEMORY) -> None:
        self.workers = max(1, workers)
        self.share = memory // self.workers
        self.progress = progress or Silent()
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._stopped = False

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._stop()

    def shuffle(self, label: str, work: Callable[..., Result], tasks: Sequence[T], done: Path) -> list[Result]:
        """Do tasks of which each reads its part from the spill files of all shards; here every worker can read them."""
        return self.each(label, work, tasks, done)

    def each(self, label: str, work: Callable[..., Result], tasks: Sequence[T], done: Path) -> list[Result]:
        """Do every task that has no mark in the folder ``done`` yet; give all results in order.

        Raises:
            StepError: a worker died on the same task three times.
        """
        return self._each(label, [Order(work, task, task_digest(done, task), done) for task in tasks], self._do)

    def _each(
        self, label: str, orders: Sequence[Order[T]], do: Callable[[Sequence[Order[T]], Bar], None]
    ) -> list[Result]:
        """Do what has no mark yet; whoever does it leaves one."""
        for done in {order.done for order in orders}:
            done.mkdir(parents=True, exist_ok=True)
        results = {order.task.name: read_mark(order.done, order.task, order.digest) for order in orders}
        missing = [order for order in orders if results[order.task.name] is None]
        with self.progress.bar(label, sum(order.task.size for order in missing) / 1e6, "MB") as bar:
            if missing:
                do(missing, bar)
        for order in missing:
            results[order.task.name] = read_mark(order.done, order.task, order.digest)
        return [_there(results[order.task.name], order) for order in orders]

    def _do(self, orders: Sequence[Order[T]], bar: Bar) -> None:
        """Do some tasks, in any order."""
        if self.workers > 1 and len(orders) > 1:
            self._side_by_side(orders, bar)
            return
        for order in orders:
            carry_out(order)
            advance(bar, order)

    def _side_by_side(self, orders: Sequence[Order[T]], bar: Bar) -> None:
        """Keep the workers busy until all is done; a task whose worker died is done again, alone."""
        suspects: list[Order[T]] = []
        threads = ThreadPoolExecutor(min(self.workers, len(orders)), "lmloop", shield_from_interrupts)
        try:
            asked = {threads.submit(self._ask, order): order for order in orders}
            for answered in as_completed(asked):
                order = asked.pop(answered)
                try:
                    answered.result()
                except WorkerDied:
                    self.progress.say("  a worker process died: its work is done again")
                    suspects.append(order)
                else:
                    advance(bar, order)
            # alone, a task has all the memory there is, and a further death is surely its own doing
            for order in suspects:
                threads.submit(self._retry, order).result()
                advance(bar, order)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            self._stop()
            raise
        finally:
            threads.shutdown()

    def _retry(self, order: Order[T]) -> None:
        how = ""
        for _ in range(MOST_DEATHS - 1):
            try:
                return self._ask(order)
            except WorkerDied as death:
                how = str(death)
        raise StepError(
            f"a worker died {MOST_DEATHS} times on shard {order.task.name} ({how})",
            hint=MEMORY_HINT,
        )

    def _ask(self, order: Order[T]) -> None:
        worker = self._take()
        try:
            worker.ask(carry_out, order)
        except WorkerDied:
            with self._lock:
                self._busy.discard(worker)
            raise
        finally:
            with self._lock:
                if worker in self._busy:
                    self._busy.discard(worker)
                    self._idle.append(worker)

    def _take(self) -> Worker:
        with self._lock:
            if self._stopped:
                raise Interrupted("the work was stopped")
            worker = self._idle.pop() if self._idle else Worker()
            self._busy.add(worker)
            return worker

    def _stop(self) -> None:
        """End all workers: those that have nothing to do by themselves, the others at once."""
        with self._lock:
            self._stopped = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for worker in busy:
            worker.process.kill()  # the thread that waits for its answer cleans up
        for worker in idle:
            worker.close()


def advance(bar: Bar, order: Order[T]) -> None:
    """Say that a task is done."""
    bar.advance(order.task.size / 1e6)


def _there(result: Result | None, order: Order[T]) -> Result:
    if result is None:
        place = mark_file(order.done, order.task)
        raise StepError(f"{place} was removed or changed while the step ran", hint="run it again")
    return result


__all__ = ["Pool", "Result", "Task"]
