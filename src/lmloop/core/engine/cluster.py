"""The engine on a Ray cluster: the same tasks, marks and order as on one machine, so the same bytes.

Every node must see the home of the runs and the files that are read under the same path (a shared file system), and
have the same lmloop installed. A barrier's rows pass from the nodes that keyed them to those that bring them
together through Ray's own shuffle: one task for each spill file gives one object for each part of the key space, and
one task for each part takes its object of each file. That happens in rounds, so that what is under way stays bounded.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import pyarrow as pa

from lmloop.core.engine.marks import Result, Task, task_digest
from lmloop.core.engine.pool import MEMORY, MEMORY_HINT, MOST_DEATHS, Order, Pool, advance, carry_out
from lmloop.core.engine.spill import read_ranges
from lmloop.core.errors import LmloopError, StepError
from lmloop.core.extras import need
from lmloop.core.progress import Bar, Progress

PATIENCE = 10.0
"""So many seconds we wait for the head node to answer."""

T = TypeVar("T", bound=Task)

OBJECTS = 20_000
"""So many parts of spill files are under way at a time; Ray keeps about a kilobyte of books for each."""


class ReduceTask(Protocol):
    """What a task must say of itself to be brought its rows: its range of the partitions, and of which files."""

    number: int
    last: int
    count: int
    spills: tuple[Path, ...]


class RayPool(Pool):
    """Does its work as Ray tasks, in the cluster that ``RAY_ADDRESS`` names, or in one of its own on this machine.

    Raises:
        ExtraMissing: Ray is not installed.
        StepError: the cluster cannot be reached.
    """

    def __init__(self, workers: int, progress: Progress | None = None, memory: int = MEMORY) -> None:
        super().__init__(workers, progress, memory)
        self._ray = need("ray", "ray")
        if not self._ray.is_initialized():  # to start takes seconds: one connection serves all steps, to the end
            _connect(self._ray, workers)

    def shuffle(self, label: str, work: Callable[..., Result], tasks: Sequence[T], done: Path) -> list[Result]:
        """Do tasks that reduce parts of a key space, each given its part of every spill file."""
        return self._each(
            label, [Order(work, task, task_digest(done, task), done) for task in tasks], self._do_in_rounds
        )

    def _do(self, orders: Sequence[Order[T]], bar: Bar) -> None:
        self._carry_out(orders, [()] * len(orders), bar)

    def _do_in_rounds(self, orders: Sequence[Order[T]], bar: Bar) -> None:
        for some in _rounds(orders, len(cast(ReduceTask, orders[0].task).spills)):
            self._carry_out(some, self._bring(some), bar)

    def _bring(self, orders: Sequence[Order[T]]) -> list[tuple[Any, ...]]:
        """Have each spill file read once, and give what belongs to each task: one object a file."""
        tasks = [cast(ReduceTask, order.task) for order in orders]
        ranges = [(task.number, task.last) for task in tasks]
        read = self._remote(_read_parts, num_returns=len(ranges))
        parts = [read.remote(path, ranges, tasks[0].count) for path in tasks[0].spills]
        if len(ranges) == 1:
            parts = [[part] for part in parts]
        return [tuple(part[place] for part in parts) for place in range(len(ranges))]

    def _carry_out(self, orders: Sequence[Order[T]], given: Sequence[tuple[Any, ...]], bar: Bar) -> None:
        work = self._remote(_work)
        under_way = {work.remote(order, *brought): order for order, brought in zip(orders, given, strict=True)}
        try:
            while under_way:
                (ready, *_), _ = self._ray.wait([*under_way], num_returns=1)
                order = under_way.pop(ready)
                if failed := self._ray.get(ready):
                    raise failed
                advance(bar, order)
        except BaseException as bad:
            for task in under_way:
                self._ray.cancel(task, force=True)
            raise self._explain(bad) from bad

    def _remote(self, work: Callable[..., Any], **options: Any) -> Any:
        return self._ray.remote(work).options(max_retries=MOST_DEATHS - 1, **options)

    def _explain(self, bad: BaseException) -> BaseException:
        known = self._ray.exceptions
        if isinstance(bad, known.WorkerCrashedError | known.OutOfMemoryError):
            return StepError(f"a worker of the cluster died {MOST_DEATHS} times on the same work", hint=MEMORY_HINT)
        if isinstance(bad, known.RayTaskError):
            return bad.cause if isinstance(bad.cause, Exception) else bad
        if isinstance(bad, known.RayError):
            hint = "look at Ray's logs; run it again to go on from there"
            return StepError(f"the cluster could not do the work: {_first_line(bad)}", hint=hint)
        return bad


def _work(order: Order[T], *given: Any) -> Exception | None:
    """Do a task on a node. A user's mistake is given back and not raised: Ray would wrap it in its own traceback."""
    pa.set_cpu_count(1)
    try:
        carry_out(order, *given)
    except (LmloopError, OSError, MemoryError) as bad:
        return bad
    return None


def _read_parts(path: Path, ranges: Sequence[tuple[int, int]], count: int) -> Any:
    parts = list(read_ranges(path, ranges, count))
    return parts if len(parts) > 1 else parts[0]


def _connect(ray: Any, workers: int) -> None:
    address = os.environ.get("RAY_ADDRESS")
    own = {} if address else {"num_cpus": workers, "include_dashboard": False}
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        if address and address != "auto":
            _knock(address)
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except (OSError, RuntimeError, ValueError) as bad:
        raise StepError(
            f"the Ray cluster {address or 'of our own'} cannot be used: {_first_line(bad)}",
            hint="set RAY_ADDRESS to the address of its head node, or leave it out",
        ) from None


def _knock(address: str) -> None:
    """See that somebody listens there: Ray itself tries for minutes and talks a lot."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()


def _rounds(orders: Sequence[Order[T]], files: int) -> Iterator[Sequence[Order[T]]]:
    size = max(1, OBJECTS // max(files, 1))
    for start in range(0, len(orders), size):
        yield orders[start : start + size]


def _first_line(bad: BaseException) -> str:
    return (str(bad).strip() or type(bad).__name__).splitlines()[0]
