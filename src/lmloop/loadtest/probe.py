"""A first look at the server before it is loaded: is it there, does it know the model, does it stream?"""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from lmloop.core.errors import StepError
from lmloop.loadtest.clock import now
from lmloop.loadtest.connection import Connection, connect, why
from lmloop.loadtest.frames import Exchange
from lmloop.loadtest.replies import Reply, ending, read_reply
from lmloop.loadtest.target import ENDINGS, Address, Form, context, head

PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Access:
    """How a server is reached: its address, the key if any, whether its certificate is looked at."""

    where: Address
    key: str = ""
    verify: bool = True


def fetch(access: Access, path: str, body: bytes | None = None) -> Exchange:
    """Ask for a page, or post a body, and give what came back, whatever it is."""
    return asyncio.run(_fetch(access, path, body))


async def _fetch(access: Access, path: str, body: bytes | None) -> Exchange:
    exchange = Exchange(0, 0, 0, 0)
    tls = context(access.verify) if access.where.tls else None
    connection: Connection | None = None
    try:
        async with asyncio.timeout(PATIENCE):
            connection = await connect(access.where, tls, now())
            told = head(access.where, path, access.key, None if body is None else len(body)) + (body or b"")
            await connection.send(exchange, told, None)
    except TimeoutError:
        exchange.outcome, exchange.note = "timeout", f"no answer within {PATIENCE:g} s"
    except OSError as bad:
        exchange.outcome, exchange.note = why(bad)
    finally:
        if connection is not None:
            connection.abort()
    return exchange


def page(access: Access, path: str) -> str:
    """Get a page as text; an empty one where there is none."""
    exchange = fetch(access, path)
    reply = Reply()
    if exchange.outcome != "ok":
        return ""
    for stamp, data in exchange.reads():
        reply.feed(stamp, data)
    return reply.body.decode(errors="replace") if reply.status == 200 else ""


def models(access: Access) -> list[str]:
    """List the models that a server says it has."""
    try:
        return [str(row["id"]) for row in orjson.loads(page(access, f"{access.where.base}/models"))["data"]]
    except (ValueError, KeyError, TypeError):
        return []


def look(access: Access, form: Form) -> Form:
    """Send one small request; give the form with the model's name filled in, and without what the server refuses.

    Raises:
        StepError: the server is not there, or does not answer as it should; the message says what came back.
    """
    _reach(access.where)
    known = models(access)
    if not form.model:
        if not known:
            raise StepError(f"{access.where.url} does not list its models", hint="name one: --model NAME")
        form = replace(form, model=known[0])
    exchange, reply = _try(access, form)
    if reply.status in (400, 422) and form.usage:
        plain = replace(form, usage=False)
        again = _try(access, plain)
        if again[1].status < 400:
            form, (exchange, reply) = plain, again
    how, told = ending(exchange, reply)
    if how not in {"ok", "empty"}:
        raise StepError(*_explain(access.where, form, how, told, known))
    if form.stream and not reply.streamed:
        kind = reply.kind or "nothing that says its type"
        raise StepError(
            f"{access.where.url} was asked for a stream of events, and sent {kind}",
            hint="measure whole replies with --no-stream, or look whether a proxy gathers the stream",
        )
    return form


def _reach(where: Address) -> None:
    """Resolve the name and open a socket, to tell the usual mistakes from each other."""
    try:
        socket.create_connection((where.host, where.port), 10).close()
    except socket.gaierror:
        raise StepError(f"there is no host {where.host!r}", hint="look at the URL's spelling") from None
    except ConnectionRefusedError:
        raise StepError(
            f"nothing listens at {where.url}", hint="is the server up, and is the port right? Try: lmloop bench --demo"
        ) from None
    except OSError as bad:
        raise StepError(f"{where.url} cannot be reached: {bad}", hint="is there a firewall, or a proxy?") from None


def _try(access: Access, form: Form) -> tuple[Exchange, Reply]:
    prompt: str | list[dict[str, str]] = [{"role": "user", "content": "Hi"}] if form.api == "chat" else "Hi"
    exchange = fetch(access, access.where.base + ENDINGS[form.api], form.body(prompt, 4))
    return exchange, read_reply(exchange)


def _explain(where: Address, form: Form, how: str, told: str, known: Sequence[str]) -> tuple[str, str]:
    path = f"{where.url}{where.base}{ENDINGS[form.api]}"
    said = f": {told}" if told else ""
    if how == "http-404" and known and form.model not in known:
        return f"the server has no model {form.model!r}{said}", f"it has: {', '.join(known[:8])}"
    if how == "http-404":
        return f"there is no {path} (404{said})", "does the URL end before /v1? --api completions asks the other API"
    if how in ("http-401", "http-403"):
        return (
            f"{where.url} wants a key ({how[5:]}{said})",
            "put it into the environment: OPENAI_API_KEY, or --key NAME",
        )
    if how.startswith("http-"):
        return (
            f"{path} answers with {how[5:]}{said}",
            "what it says is above; --set request.extra.NAME=VALUE adds a field to each request",
        )
    return f"{path} does not answer as it should ({how}{said})", "is it an OpenAI-compatible server?"
