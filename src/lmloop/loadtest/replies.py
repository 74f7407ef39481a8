"""What an exchange holds once it is parsed: the moments of the tokens, how many there were, and how it ended."""

from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from lmloop.loadtest.events import Events
from lmloop.loadtest.frames import Exchange
from lmloop.loadtest.http import Framing, FramingError
from lmloop.loadtest.plain import Stream, stream

TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
"""Where a delta of a chat may hold text."""
MOST_TOLD = 300
WRITTEN = b'"written_ns":'


class Reply:
    """Reads a reply: of each part that holds text its moment; and usage, the reason of the end, errors.

    A part counts when it is not empty: the first event of many servers only says whose turn it is. ``stamps`` are the
    moments of the reads in which the parts were complete. With ``keep``, ``text`` gathers the reply. A server may tell
    its own moments, on the same clock: ``asked``, when it had read the request, and ``written``, of each part.
    """

    __slots__ = (
        "_events",
        "_framing",
        "_keep",
        "_texts",
        "asked",
        "done",
        "error",
        "finish",
        "stamps",
        "usage",
        "written",
    )

    def __init__(self, keep: bool = False) -> None:
        self._framing = Framing(keep=True)
        self._events: Events | None = None
        self._keep = keep
        self._texts: list[str] = []
        self.stamps = array("q")
        self.written = array("q")
        self.asked = 0
        self.usage: Mapping[str, Any] = {}
        self.finish = ""
        self.error = ""
        self.done = False

    @property
    def status(self) -> int:
        """The status of the response, 0 if there is none."""
        return self._framing.status

    @property
    def kind(self) -> str:
        """The type of the content, as the server says."""
        return self._framing.headers.get("content-type", "")

    @property
    def body(self) -> bytes:
        """What was read of a body that is no stream."""
        return bytes(self._framing.body)

    @property
    def streamed(self) -> bool:
        """Whether it is a stream of events."""
        return self._events is not None

    @property
    def text(self) -> str:
        """The reply, as far as it was kept."""
        return "".join(self._texts)

    def feed(self, stamp: int, data: bytes) -> None:
        """Take one read from the socket.

        Raises:
            FramingError: it is no HTTP.
        """
        framing = self._framing
        framing.feed(data)
        if self._events is None:
            if "event-stream" not in framing.headers.get("content-type", ""):
                return
            self._events = Events()
        if framing.body:
            for event in self._events.feed(framing.take()):
                self._event(stamp, event)

    def close(self, stamp: int) -> None:
        """Take the end of the response."""
        self._framing.close()
        if self._events is not None:
            for event in self._events.close():
                self._event(stamp, event)
            return
        if self.status and self.body:
            self._whole(self.body)

    def _event(self, stamp: int, event: bytes) -> None:
        if event == b"[DONE]":
            self.done = True
            return
        told = _parsed(event)
        if told is None:
            self.error = self.error or f"an event is no JSON: {event[:80]!r}"
        else:
            self._part(stamp, told)

    def _part(self, stamp: int, told: Mapping[str, Any]) -> bool:
        """Take one part of a stream; say whether it has text."""
        self._told(told)
        parts = len(self.stamps)
        choices = told.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            choice = choices[0]
            if text := _text(choice):
                self.stamps.append(stamp)
                if written := told.get("written_ns"):
                    self.written.append(written)
                    self.asked = told["read_ns"]
                if self._keep:
                    self._texts.append(text)
            self.finish = choice.get("finish_reason") or self.finish
        return len(self.stamps) > parts

    def _whole(self, body: bytes) -> None:
        """Read a reply that was not streamed."""
        told = _parsed(body)
        if told is None:
            self.error = body[:MOST_TOLD].decode(errors="replace")
            return
        self._told(told)
        choices = told.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            choice = choices[0]
            self._texts.append(_text({"delta": choice.get("message") or {}, "text": choice.get("text")}))
            self.finish, self.done = choice.get("finish_reason") or "", True

    def _told(self, told: Mapping[str, Any]) -> None:
        if isinstance(usage := told.get("usage"), dict):
            self.usage = usage
        if "choices" in told and "error" not in told:
            return
        error = told.get("error") or told.get("detail")
        if told.get("object") == "error":
            error = error or told.get("message")
        if error:
            message = error.get("message", error) if isinstance(error, dict) else error
            self.error = str(message)[:MOST_TOLD]

    @classmethod
    def plain(cls, exchange: Exchange) -> "Reply | None":
        """Read a whole exchange that is as most are, in a small part of the time; None where it is not."""
        found = stream(exchange)
        return None if found is None else cls()._all(found)

    def _all(self, found: Stream) -> "Reply | None":
        """Take all events: of those that are like one that was read, only the moment, and what the server tells."""
        self._framing, self._events = found.framing, Events()
        alike: list[bool] = []
        shown = np.zeros(len(found.ends), bool)
        telling = False
        for place in range(len(found.ends)):
            if alike and alike[place]:
                if telling:
                    self.written.append(_written(found.event(place)))
            elif (event := found.event(place)) == b"[DONE]":
                self.done = True
            else:
                told = _parsed(event)
                if told is None:
                    return None
                shown[place] = self._part(0, told)
                if shown[place] and not alike and not isinstance(told.get("usage"), dict):
                    alike, telling = found.alike(place), "written_ns" in told
        shown |= np.array(alike or [False], bool)
        self.stamps = array("q", found.stamps[shown].tobytes())
        return self


def read_reply(exchange: Exchange) -> Reply:
    """Parse what was read of an exchange."""
    if plain := Reply.plain(exchange):
        plain.close(exchange.ended)
        return plain
    reply = Reply()
    try:
        for stamp, data in exchange.reads():
            reply.feed(stamp, data)
    except FramingError as bad:
        reply.error = str(bad)
    reply.close(exchange.ended)
    return reply


def ending(exchange: Exchange, reply: Reply) -> tuple[str, str]:
    """Say how an exchange ended: ``ok`` or a class of error, and in words why."""
    if exchange.outcome != "ok":
        return exchange.outcome, exchange.note
    if reply.status >= 400:
        return f"http-{reply.status}", reply.error
    if reply.error:
        return "error-in-reply", reply.error
    if not reply.done and not reply.finish:
        told = "the stream ended without [DONE] or a finish reason" if reply.streamed else "no reply in the answer"
        return "incomplete", told
    if reply.streamed and not reply.stamps:
        return "empty", "no event had text in it"
    return "ok", ""


def _text(choice: Mapping[str, Any]) -> str:
    """Give the text of a part: of a chat or of a completion; of a call of a tool, its arguments."""
    if text := choice.get("text"):
        return str(text)
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return ""
    for name in TEXTS:
        if text := delta.get(name):
            return str(text)
    return "".join(str((call.get("function") or {}).get("arguments") or "") for call in delta.get("tool_calls") or ())


def _written(event: bytes) -> int:
    """Read when a server says that it wrote a part."""
    return int(event.partition(WRITTEN)[2].partition(b",")[0])


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        told = orjson.loads(body)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
