"""A line to a server: requests over HTTP that are paced, retried, and told apart when they fail."""

import asyncio
import json
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from lmloop.core.errors import LmloopError, RecipeError, StepError
from lmloop.core.extras import need
from lmloop.models.openai.pace import pace

if TYPE_CHECKING:
    import aiohttp

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
"""Answers that may be others a moment later."""

LONGEST_WAIT = 60.0
"""No pause of our own choosing is longer, in seconds."""

LONGEST_ASKED = 900.0
"""A server that asks for a longer pause has nothing for us today."""

PATIENCE = 4
"""So many times a server is called that has never answered."""

SHOWN = 300
"""So many characters of what a server says about an error are repeated."""


class Refused(Exception):
    """One request got no reply, and asking again would not help; others may fare better."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a server is asked: see the settings of the same names."""

    url: str
    key_from: str
    concurrency: int
    requests_per_minute: int
    tokens_per_minute: int
    timeout: float
    retries: int
    wait: float


class Line:
    """An open line; ``async with`` closes it."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.pace = pace(terms.url, terms.requests_per_minute, terms.tokens_per_minute)
        self._key = os.environ.get(terms.key_from, "").strip()
        self._heard = 0
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Line":
        need("aiohttp", "endpoint")
        import aiohttp

        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._session = aiohttp.ClientSession(
            headers=headers,
            connector=aiohttp.TCPConnector(limit=self.terms.concurrency),
            timeout=aiohttp.ClientTimeout(total=self.terms.timeout),
            trust_env=not _is_near(self.terms.url),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, bad: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def post(self, path: str, body: Mapping[str, Any], tokens: int) -> dict[str, Any]:
        """Ask, and ask again where that may help. ``tokens`` is a guess of what it takes.

        Waits grow twofold with each try and are drawn from the upper half of their span ("equal jitter"), so that many
        who failed together do not come back together; what the server asks for in ``Retry-After`` holds for all.

        Raises:
            Refused: there is no reply to this request.
            LmloopError: there will be none to any request.
        """
        heard, trouble = self._heard, ""
        for tried in range(self.terms.retries + 1):
            await self.pace.turn(tokens)
            try:
                status, asked, text = await self._once(path, body)
            except (OSError, TimeoutError) as bad:
                trouble = self._cleaned(_trouble(bad, self.terms.timeout))
                if not self._heard and tried + 1 >= PATIENCE:
                    break
            else:
                self._heard += 1
                found = _read(text) if status == 200 else None
                if found is not None:
                    self.pace.took(tokens, _taken(found, tokens))
                    return found
                trouble = self._judge(status, asked, text)
            await asyncio.sleep(self._pause(tried))
        if self._heard == heard:
            raise StepError(
                f"no answer from {self.terms.url}: {trouble}",
                hint="is the server running, and is this its address? Replies that came before are not lost",
            )
        raise Refused(trouble)

    async def _once(self, path: str, body: Mapping[str, Any]) -> "tuple[int, float | None, bytes]":
        """Ask once; give the status, the pause that the server asks for and what it said."""
        import aiohttp

        assert self._session is not None
        try:
            async with self._session.post(self.terms.url + path, json=body, allow_redirects=False) as answer:
                text = await answer.read()
                return answer.status, _asked_pause(answer.headers), text
        except aiohttp.ClientError as bad:
            raise ConnectionError(str(bad) or type(bad).__name__) from None

    def _judge(self, status: int, asked: float | None, text: bytes) -> str:
        """Say what is wrong with an answer that may be another one next time; raise where it will not."""
        said = self._cleaned(_said(text))
        told = f"status {status}: {said}" if said else f"status {status}"
        if status == 200:
            return f"an answer that cannot be read: {said or 'nothing'}"
        if status in (401, 403):
            has = "the key in it was refused" if self._key else "it is not set"
            raise LmloopError(
                f"{self.terms.url} lets us not in ({told})",
                hint=f"the key is taken from the environment variable {self.terms.key_from}; {has}",
            )
        if status == 404:
            raise RecipeError(f"{self.terms.url} has no such model or service ({told})", hint=_whats_there(said))
        if "insufficient_quota" in said or (asked or 0) > LONGEST_ASKED:
            raise StepError(f"{self.terms.url} gives no more replies for now ({told})", hint="run it again later")
        if status not in RETRIED:
            raise Refused(told)
        if asked:
            self.pace.hold(asked)
        return told

    def _pause(self, tried: int) -> float:
        longest = min(LONGEST_WAIT, self.terms.wait * 2**tried)
        return random.uniform(longest / 2, longest)

    def _cleaned(self, text: str) -> str:
        """Take the key out of what is told: some servers repeat it."""
        return text.replace(self._key, "***") if self._key else text


def _is_near(url: str) -> bool:
    """Tell whether a server is on this machine: no proxy leads there."""
    return url.partition("://")[2].startswith(("127.0.0.1", "localhost", "[::1]"))


def _read(text: bytes) -> dict[str, Any] | None:
    """Read an answer; None where it is broken, or tells of an error under the status of success."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and not found.get("error") else None


def _taken(found: Mapping[str, Any], guessed: int) -> int:
    usage = found.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) else guessed


def _said(text: bytes) -> str:
    """Find the message in what a server says about an error; servers word it in several ways."""
    try:
        found: Any = json.loads(text)
    except ValueError:
        return " ".join(text.decode("utf-8", "replace").split())[:SHOWN]
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(key):
            inner = found[key]
            code = inner.get("code") if isinstance(inner, dict) else None
            found = f"{inner.get('message')} ({code})" if code and isinstance(inner, dict) else inner
    return " ".join(str(found).split())[:SHOWN]


def _trouble(bad: Exception, timeout: float) -> str:
    return f"nothing within {timeout:g} s" if isinstance(bad, TimeoutError) else str(bad) or type(bad).__name__


def _asked_pause(headers: Mapping[str, str]) -> float | None:
    """Read how long the server asks us to wait, in seconds (RFC 9110, section 10.2.3: seconds or a date)."""
    exact = headers.get("retry-after-ms", "")
    if exact.replace(".", "", 1).isdigit():
        return float(exact) / 1000
    text = headers.get("Retry-After", "").strip()
    if text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time()) if text else None
    except ValueError:
        return None


def _whats_there(said: str) -> str:
    if "model" in said.lower():
        return "a server lists its models at URL/models"
    return "the address goes up to /v1; a server without completions takes raw text as a chat with raw = 'chat'"
