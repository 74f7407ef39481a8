"""Models served within this process, for as long as it lives: to try what asks over a network."""

import asyncio
from functools import cache
from queue import SimpleQueue
from threading import Thread
from typing import cast

from lmloop.core.model import Model
from lmloop.core.part import build
from lmloop.serving.server import serve


def address(model: Model, name: str, key: str = "") -> str:
    """Serve a model at a free port of this machine, and say where."""
    found: SimpleQueue[str] = SimpleQueue()
    work = serve(model, name, ("127.0.0.1", 0), found.put, key)
    Thread(target=lambda: asyncio.run(work), name="server", daemon=True).start()
    return found.get(timeout=60)


@cache
def toy_address() -> str:
    """Serve a toy, once."""
    return address(cast(Model, build("models", "toy")), "toy")
