"""Serving a leaderboard to a browser: its page, and items as they are looked at."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lmloop.core.errors import DataError, LmloopError
from lmloop.report.board import render
from lmloop.stages.leaderboard.choosing import Choice, choose, read
from lmloop.stages.leaderboard.gathering import Board

LOOPBACK = ("127.0.0.1", "::1")
MOST = 500
"""So many items are listed at once, at most."""


@dataclass(frozen=True)
class Shown:
    """A leaderboard to serve."""

    title: str
    board: Board
    data: Mapping[str, Any]

    @cached_property
    def page(self) -> bytes:
        """The page, drawn once."""
        return render(self.title, {**self.data, "samples": {}, "sampled": 0}, live=True).encode()

    def items(self, query: Mapping[str, str]) -> Any:
        """List items, a page of them."""
        known = {field.name: field.type for field in fields(Choice)}
        given: dict[str, Any] = {name: value for name, value in query.items() if name in known}
        for name in ("start", "count"):
            if name in given:
                given[name] = _whole(name, given[name])
        given["count"] = min(given.get("count", 50), MOST)
        try:
            return choose(self.board, Choice(**given))
        except TypeError:
            raise DataError("a column and a model are missing") from None

    def item(self, query: Mapping[str, str]) -> Any:
        """Give one item whole, as some models answered it."""
        try:
            models = json.loads(query.get("models", "[]"))
        except ValueError:
            models = None
        if not isinstance(models, list) or not all(isinstance(model, str) for model in models):
            raise DataError("models must be a list of names in JSON")
        return read(self.board, query.get("column", ""), query.get("record", ""), models)


def serve(shown: Shown, host: str, port: int) -> None:
    """Serve until the user stops it.

    Raises:
        DataError: the port is taken, or the host is none of this machine.
    """
    server = open_server(shown, host, port)
    where = f"http://{host}:{server.server_address[1]}"
    sys.stderr.write(f"the leaderboard is at {where}   (stop it with Ctrl-C)\n")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
    finally:
        server.server_close()


class Server(ThreadingHTTPServer):
    """Serves one leaderboard."""

    def __init__(self, shown: Shown, place: tuple[str, int]) -> None:
        super().__init__(place, Handler)
        self.shown = shown


def open_server(shown: Shown, host: str, port: int) -> Server:
    """Take a port; nothing is answered yet.

    Raises:
        DataError: the port is taken, or the host is none of this machine.
    """
    try:
        return Server(shown, (host, port))
    except OSError as bad:
        hint = "--port 0 takes any that is free"
        raise DataError(f"cannot serve at {host}:{port}: {bad.strerror}", hint) from None


class Handler(BaseHTTPRequestHandler):
    """Answers a browser: the page, a list of items, an item."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Answer one request."""
        shown = self.server.shown
        url = urlsplit(self.path)
        if not self._is_meant():
            self._send(HTTPStatus.FORBIDDEN, b"", "text/plain")
        elif url.path == "/":
            self._send(HTTPStatus.OK, shown.page, "text/html; charset=utf-8")
        elif url.path in ("/api/items", "/api/item"):
            answer = shown.items if url.path == "/api/items" else shown.item
            self._answer(answer, dict(parse_qsl(url.query, keep_blank_values=True)))
        else:
            self._send(HTTPStatus.NOT_FOUND, b"", "text/plain")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of what is asked for."""

    def _is_meant(self) -> bool:
        """Refuse a name that a foreign page may have pointed at this machine."""
        if self.client_address[0] not in LOOPBACK:
            return True
        name = self.headers.get("Host", "").rpartition(":")[0].strip("[]")
        return name in (*LOOPBACK, "localhost")

    def _answer(self, answer: Callable[[Mapping[str, str]], Any], query: Mapping[str, str]) -> None:
        try:
            status, found = HTTPStatus.OK, answer(query)
        except LmloopError as bad:
            status, found = HTTPStatus.BAD_REQUEST, {"error": f"{bad.message}; {bad.hint}".removesuffix("; ")}
        body = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
        self._send(status, body, "application/json; charset=utf-8")

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)


def _whole(name: str, value: str) -> int:
    if not value.isdecimal():
        raise DataError(f"{name} must be a whole number, got {value!r}")
    return int(value)
