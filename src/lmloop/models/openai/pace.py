"""Pace: how fast a server may be asked, kept by all who ask the same one in this process."""

import asyncio
import time
from functools import cache
from threading import Lock


class Pace:
    """Requests and tokens per minute (0: as many as one likes), spread evenly, and pauses that the server asked for.

    Each request takes its turn on two virtual clocks, one of requests and one of tokens (the generic cell rate
    algorithm without bursts), so that no window of a minute ever holds more than was allowed. Tokens are guessed before
    a request and put right after it.
    """

    def __init__(self, requests: int, tokens: int) -> None:
        self.each = 60 / requests if requests else 0.0
        self.per_token = 60 / tokens if tokens else 0.0
        self._next_request = self._next_token = self._held = 0.0
        self._lock = Lock()

    async def turn(self, tokens: int) -> None:
        """Wait until a request of about so many tokens may be sent."""
        wait = self._reserve(tokens)
        while wait > 0:
            await asyncio.sleep(wait)
            wait = self._held - time.monotonic()

    def took(self, guessed: int, tokens: int) -> None:
        """Say how many tokens a request took in truth."""
        with self._lock:
            self._next_token += (tokens - guessed) * self.per_token

    def hold(self, seconds: float) -> None:
        """Let nobody ask for so long: the server said so."""
        with self._lock:
            self._held = max(self._held, time.monotonic() + seconds)

    def _reserve(self, tokens: int) -> float:
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._held, self._next_request, self._next_token)
            self._next_request = turn + self.each
            self._next_token = turn + tokens * self.per_token
        return turn - now


@cache
def pace(url: str, requests: int, tokens: int) -> Pace:
    """Give the pace of a server: one for all models of it."""
    return Pace(requests, tokens)
