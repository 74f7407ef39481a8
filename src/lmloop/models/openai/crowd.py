"""A crowd of requests: many at once over one line, each told as soon as it is there, and given back in order."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias, TypeVar

from lmloop.core.errors import LmloopError
from lmloop.models.openai.line import Line, Terms

T = TypeVar("T")
Job: TypeAlias = Callable[[Line, int], Awaitable[T]]
"""What is done for the item of a place."""


def gather(job: Job[T], count: int, terms: Terms, done: Callable[[int, T], None] | None = None) -> list[T]:
    """Do a job for each of so many items, at most ``terms.concurrency`` at once, in the order of their places.

    The requests run in a thread of their own, so that it works where an event loop runs already (a notebook);
    ``done`` is called in the caller's thread. Whatever goes wrong, the others are called off and it is raised here.
    """
    news: SimpleQueue[tuple[int, T] | BaseException | None] = SimpleQueue()
    crowd = _Crowd(job, count, terms, news)
    thread = Thread(target=crowd.run, name="requests", daemon=True)
    thread.start()
    found: dict[int, T] = {}
    try:
        while (item := news.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            found[item[0]] = item[1]
            if done is not None:
                done(*item)
    finally:
        crowd.stop()
        thread.join()
    return [found[place] for place in range(count)]


class _Crowd:
    """The thread's side."""

    def __init__(
        self, job: Job[T], count: int, terms: Terms, news: "SimpleQueue[tuple[int, T] | BaseException | None]"
    ) -> None:
        self.job, self.terms, self.news = job, terms, news
        self.count = count
        self.loop = asyncio.new_event_loop()
        self.all: asyncio.Task[None] | None = None
        self.stopped = False

    def run(self) -> None:
        """Do everything, and say how it ended."""
        try:
            self.all = self.loop.create_task(self._all())
            self.loop.run_until_complete(self.all)
            self.news.put(None)
        except asyncio.CancelledError:
            self.news.put(None)
        except BaseExceptionGroup as bad:
            self.news.put(_first(bad))
        except BaseException as bad:
            self.news.put(bad)
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    def stop(self) -> None:
        """Call off what is not done yet."""
        if self.all is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.all.cancel)

    async def _all(self) -> None:
        places = iter(range(self.count))
        async with Line(self.terms) as line, asyncio.TaskGroup() as group:
            for _ in range(min(self.terms.concurrency, self.count)):
                group.create_task(self._work(line, places))

    async def _work(self, line: Line, places: Iterator[int]) -> None:
        for place in places:
            self.news.put((place, await self.job(line, place)))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give one of several troubles: a user's mistake rather than ours, as it is the likelier cause."""
    found = [_first(bad) if isinstance(bad, BaseExceptionGroup) else bad for bad in group.exceptions]
    return next((bad for bad in found if isinstance(bad, LmloopError)), found[0])
