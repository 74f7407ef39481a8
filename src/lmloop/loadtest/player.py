"""Plays sessions against a server: each request at its moment, whether or not those before it have been answered."""

import asyncio
import errno
import os
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from lmloop.loadtest.clock import SECOND, Timer, now
from lmloop.loadtest.connection import Connection, connect, why
from lmloop.loadtest.frames import Exchange
from lmloop.loadtest.job import Job
from lmloop.loadtest.replies import Reply
from lmloop.loadtest.schedule import Session, Turn, prompt, share
from lmloop.loadtest.target import ENDINGS, context, head

OVER = "the test was over"


class Player:
    """Plays the share of a schedule that falls to one process; every exchange that ends goes to ``log``."""

    def __init__(self, job: Job, timer: Timer, log: Callable[[Exchange], None], start: int) -> None:
        self._job, self._timer, self._log, self._start = job, timer, log, start
        self._idle: list[Connection] = []
        self._busy: dict[Connection, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._playing: asyncio.Task[None] | None = None
        self._stopping = False
        self._key = os.environ.get(job.key, "")
        self._tls: ssl.SSLContext | None = context(job.verify) if job.where.tls else None
        self._path = job.where.base + ENDINGS[job.form.api]
        self._counts: Counter[str] = Counter()

    async def play(self) -> None:
        """Begin every session, and wait until all have ended or their time is up."""
        if self._job.last is not None:
            self._timer.at(self._moment(self._job.last), self.stop)
        self._playing = asyncio.ensure_future(self._users() if self._job.users else self._arrivals())
        await asyncio.wait({self._playing})
        if not self._playing.cancelled():
            self._playing.result()
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        for connection in self._idle:
            connection.abort()

    def stop(self) -> None:
        """Give up what is under way, and begin nothing more."""
        self._stopping = True
        if self._playing is not None:
            self._playing.cancel()
        for connection in list(self._busy):
            connection.give_up("unfinished", OVER)
        for task in self._tasks:
            task.cancel()

    def told(self) -> dict[str, int]:
        """Say how it stands: requests begun, ended, failed; sockets in use."""
        counts = self._counts
        return {"begun": counts["begun"], "ended": counts["ended"], "failed": counts["failed"], "open": len(self._busy)}

    def _moment(self, seconds: float) -> int:
        return self._start + round(seconds * SECOND)

    async def _arrivals(self) -> None:
        for place, session in share(Path(self._job.schedule), self._job.number, self._job.workers):
            at = session.at or 0.0
            if self._job.until is not None and at > self._job.until:
                return
            intended = self._moment(at)
            await self._timer.until(intended)
            self._keep(self._converse(place, session, intended))

    async def _users(self) -> None:
        job = self._job
        numbers = range(job.number, job.users, job.workers)
        sessions = self._round()
        users = [self._user(sessions, job.ramp * user / max(job.users, 1)) for user in numbers]
        for user in users:
            self._keep(user)
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _round(self) -> Iterator[tuple[int, Session]]:
        """Give the sessions; once more from the beginning, where the test goes on for a given time."""
        job = self._job
        while True:
            count = 0
            for place, session in share(Path(job.schedule), job.number, job.workers):
                count += 1
                yield place, session
            if job.until is None or not count:
                return

    async def _user(self, sessions: Iterator[tuple[int, Session]], begin: float) -> None:
        """Play one session after the other; the next begins when the last has ended and the thinking is done."""
        job = self._job
        intended = self._moment(begin)
        end = None if job.until is None else self._moment(job.until)
        for place, session in sessions:
            if self._stopping or (end is not None and intended >= end):
                return
            await self._timer.until(intended)
            await self._converse(place, session, intended)
            intended = now() + round(job.think * SECOND)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, place: int, session: Session, intended: int) -> None:
        said: list[Turn | str] = []
        for number, turn in enumerate(session.turns):
            if turn.think and number:
                intended += round(turn.think * SECOND)
                await self._timer.until(intended)
            said.append(turn)
            more = number + 1 < len(session.turns)
            reply = Reply(keep=True) if more else None
            exchange = Exchange(place, number, self._job.number, intended - self._start)
            await self._ask(exchange, said, reply)
            if exchange.outcome != "ok" or reply is None or self._stopping:
                return
            reply.close(exchange.ended)
            said.append(reply.text)
            intended = self._start + exchange.ended

    async def _ask(self, exchange: Exchange, said: list[Turn | str], reply: Reply | None) -> None:
        """Send one request and wait for its end, whatever that is; a stale connection is tried anew, once."""
        exchange.begun = now() - self._start
        self._counts["begun"] += 1
        body = self._job.form.body(prompt(self._job.form.api, said), said[-1].tokens)  # type: ignore[union-attr]
        request = head(self._job.where, self._path, self._key, len(body)) + body
        try:
            await self._exchange(exchange, request, reply)
        except OSError as bad:
            exchange.outcome, exchange.note = why(bad)
        except asyncio.CancelledError:
            exchange.outcome, exchange.note = "unfinished", OVER
        exchange.ended = exchange.ended or now() - self._start
        self._counts["ended"] += 1
        self._counts["failed"] += exchange.outcome not in ("ok", "cancelled", "unfinished")
        self._log(exchange)

    async def _exchange(self, exchange: Exchange, request: bytes, reply: Reply | None) -> None:
        while True:
            connection = await self._connection(exchange)
            ended = connection.send(exchange, request, reply)
            self._busy[connection] = None
            limit, outcome = self._limit(exchange)
            handle = asyncio.get_running_loop().call_later(limit, connection.give_up, outcome, f"after {limit:g} s")
            try:
                await ended
            finally:
                handle.cancel()
                self._busy.pop(connection, None)
                if connection.open and not exchange.note:
                    self._idle.append(connection)
                elif connection.open:
                    connection.abort()
            # the server had closed it while it was idle: that is no failure of the request
            if not (exchange.outcome == "closed" and exchange.reused and not exchange.stamps):
                return
            exchange.outcome, exchange.note, exchange.ended = "ok", "", 0

    def _limit(self, exchange: Exchange) -> tuple[float, str]:
        """Say after how many seconds the client gives up: the timeout, or for some what a user's patience is."""
        share_, patience = self._job.cancel
        # which ones is the same in every run: spread evenly over the sessions
        if share_ and int((exchange.session + 1) * share_) > int(exchange.session * share_):
            return min(patience, self._job.timeout), "cancelled"
        return self._job.timeout, "timeout"

    async def _connection(self, exchange: Exchange) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                exchange.reused = True
                return connection
        exchange.reused = False
        limit = self._job.timeout
        try:
            return await asyncio.wait_for(connect(self._job.where, self._tls, self._start), limit)
        except TimeoutError:
            raise TimeoutError(errno.ETIMEDOUT, f"no connection within {limit:g} s") from None
