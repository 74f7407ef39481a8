"""What is tested: where an OpenAI-compatible server is, and what a request to it looks like."""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import orjson

from lmloop.core.errors import RecipeError

Api: TypeAlias = Literal["chat", "completions"]
ENDINGS: Mapping[Api, str] = {"chat": "/chat/completions", "completions": "/completions"}


@dataclass(frozen=True, slots=True)
class Address:
    """A server: host, port, whether it speaks TLS, and the path before ``/chat/completions``."""

    host: str
    port: int
    tls: bool
    base: str

    @property
    def authority(self) -> str:
        """What the header Host says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"http{'s' if self.tls else ''}://{self.authority}"


def address(url: str) -> Address:
    """Read a URL: of the server, of its ``/v1``, or of the very endpoint.

    Raises:
        RecipeError: it is none.
    """
    told = url if "://" in url else f"http://{url}"
    hint = "write http://HOST:PORT or https://HOST/v1"
    try:
        parts = urlsplit(told)
        host, port = parts.hostname, parts.port
    except ValueError as bad:
        raise RecipeError(f"{url!r} is no URL: {bad}", hint=hint) from None
    if parts.scheme not in ("http", "https") or not host:
        raise RecipeError(f"{url!r} is no URL of a server", hint=hint)
    if parts.username or parts.password or parts.query:
        raise RecipeError(
            "a URL here holds no name, password or query", hint="put the key into the environment: OPENAI_API_KEY"
        )
    base = parts.path.rstrip("/")
    for ending in ENDINGS.values():
        base = base.removesuffix(ending)
    tls = parts.scheme == "https"
    return Address(host, port or (443 if tls else 80), tls, base if base.endswith("/v1") else f"{base}/v1")


def context(verify: bool) -> ssl.SSLContext:
    """Make what TLS needs; HTTP/1.1 is offered, nothing else."""
    made = ssl.create_default_context()
    made.set_alpn_protocols(["http/1.1"])
    if not verify:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


@dataclass(frozen=True, slots=True)
class Form:
    """How requests are written: the API, the model's name, whether the reply is streamed, and what else is asked for.

    ``usage`` asks a streaming server to count tokens (``stream_options``). The key is not part of it: it is
    read from the environment where a request is written.
    """

    api: Api = "chat"
    model: str = ""
    stream: bool = True
    usage: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)

    def body(self, prompt: "str | Sequence[int] | list[dict[str, str]]", tokens: int | None) -> bytes:
        """Write the body of a request; ``prompt`` is a list of turns for a chat, else a text or token ids."""
        told: dict[str, Any] = {"model": self.model}
        told["messages" if self.api == "chat" else "prompt"] = prompt
        if tokens is not None:
            told["max_tokens"] = tokens
        if self.stream:
            told["stream"] = True
            if self.usage:
                told["stream_options"] = {"include_usage": True}
        return orjson.dumps({**told, **self.extra})


def head(where: Address, path: str, key: str = "", length: int | None = None) -> bytes:
    """Write the head of a request; one with a body of ``length`` bytes posts JSON."""
    lines = [f"{'GET' if length is None else 'POST'} {path} HTTP/1.1", f"Host: {where.authority}"]
    lines += ["User-Agent: lmloop", "Accept: text/event-stream, application/json, text/plain"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    if length is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {length}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
