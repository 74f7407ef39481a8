"""A queue before a model: requests that come at the same time are put to it together, by one thread."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeAlias

from lmloop.core.asking import answer
from lmloop.core.errors import LmloopError
from lmloop.core.model import Model, Prompt, Reply, Request, Sampling, Streams, Token, Traces, Writing, finished

MOST_TOGETHER = 256
TRACED_TOGETHER = 32
Job: TypeAlias = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Tracing:
    """A request: how likely is each token of this text after that prompt?"""

    prompt: Prompt
    text: str


One: TypeAlias = "tuple[Request | Tracing, asyncio.Future[Any]]"


class Queue:
    """A model that many ask at once. A back-end is only ever called by the queue's own thread."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._waiting: SimpleQueue[One | Job | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    async def ask(self, requests: Sequence[Request]) -> list[Reply]:
        """Put requests to the model, with whatever else is waiting.

        Raises:
            LmloopError: the model refuses one of these requests.
            RuntimeError: it fails at one.
        """
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in requests]
        for request, future in zip(requests, futures, strict=True):
            self._waiting.put((request, future))
        return list(await asyncio.gather(*futures))

    async def trace(self, prompt: Prompt, text: str) -> list[Token]:
        """Ask for the tokens of a text, with whatever else is waiting; what goes wrong is raised as in :meth:`ask`."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.put((Tracing(prompt, text), future))
        found: list[Token] = await future
        return found

    async def call(self, work: Callable[[], Any]) -> Any:
        """Do something else with the model, in its thread; what goes wrong is raised as in :meth:`ask`."""
        future = asyncio.get_running_loop().create_future()

        def job() -> None:
            try:
                result = work()
            except Exception as bad:
                _settle(future, bad)
            else:
                _settle(future, result)

        self._waiting.put(job)
        return await future

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncIterator[str | Reply]:
        """Give the pieces of a text as they are written, then the reply.

        What goes wrong is raised as in :meth:`ask`.
        """
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | Reply | Exception] = asyncio.Queue()

        def tell(piece: str | Reply | Exception) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        def job() -> None:
            try:
                tell(_run_stream(self.model, prompt, sampling, tell))
            except Exception as bad:
                tell(_worded(bad))

        self._waiting.put(job)
        while True:
            piece = await pieces.get()
            if isinstance(piece, Exception):
                raise piece
            yield piece
            if isinstance(piece, Reply):
                return

    def close(self) -> None:
        """Let the thread end once what waits is done."""
        self._waiting.put(None)

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            if callable(item):
                item()
                continue
            batch, jobs, ends = self._more(item)
            self._answer(batch)
            for job in jobs:
                job()
            if ends:
                return

    def _more(self, first: One) -> tuple[list[One], list[Job], bool]:
        """Take whatever else is waiting by now."""
        batch = [first]
        jobs: list[Job] = []
        while len(batch) < MOST_TOGETHER:
            try:
                item = self._waiting.get_nowait()
            except Empty:
                break
            if item is None:
                return batch, jobs, True
            if callable(item):
                jobs.append(item)
            else:
                batch.append(item)
        return batch, jobs, False

    def _answer(self, batch: Sequence[One]) -> None:
        asked = [(request, future) for request, future in batch if not isinstance(request, Tracing)]
        traced = [(request, future) for request, future in batch if isinstance(request, Tracing)]
        if asked:
            self._reply(asked)
        for first in range(0, len(traced), TRACED_TOGETHER):
            self._trace(traced[first : first + TRACED_TOGETHER])

    def _reply(self, batch: Sequence[tuple[Request, "asyncio.Future[Reply]"]]) -> None:
        try:
            answer(self.model, [request for request, _ in batch], lambda place, reply: _settle(batch[place][1], reply))
        except Exception as bad:
            if len(batch) == 1:
                _settle(batch[0][1], bad)
                return
            for one in batch:  # what is wrong with one is no matter of the others
                self._reply([one])

    def _trace(self, batch: Sequence[tuple[Tracing, "asyncio.Future[list[Token]]"]]) -> None:
        assert isinstance(self.model, Traces)
        try:
            found = self.model.trace([(request.prompt, request.text) for request, _ in batch])
        except Exception as bad:
            if len(batch) == 1:
                _settle(batch[0][1], bad)
                return
            for one in batch:
                self._trace([one])
            return
        for (_, future), tokens in zip(batch, found, strict=True):
            _settle(future, tokens)


def _run_stream(model: Model, prompt: Prompt, sampling: Sampling, tell: Callable[[str], None]) -> Reply:
    if not isinstance(model, Streams):
        [whole] = answer(model, [Writing(prompt, sampling)])
        tell(whole.text)
        return whole
    return finished(model.stream(prompt, sampling), tell)


def _worded(bad: Exception) -> LmloopError | RuntimeError:
    return bad if isinstance(bad, LmloopError) else RuntimeError(str(bad) or type(bad).__name__)


def _settle(future: "asyncio.Future[Any]", result: Any) -> None:
    """Give a future its result, from the model's thread."""

    def settle() -> None:
        if future.done():
            return
        if isinstance(result, Exception):
            future.set_exception(_worded(result))
        else:
            future.set_result(result)

    loop = future.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)
