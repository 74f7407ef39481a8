"""A server of a model: starts, says where it listens, and runs until it is told to stop."""

from collections.abc import Callable

from lmloop.core.errors import StepError
from lmloop.core.model import Model
from lmloop.serving.api import Api
from lmloop.serving.http import listen
from lmloop.serving.queue import Queue


async def serve(model: Model, name: str, place: tuple[str, int], ready: Callable[[str], None], key: str = "") -> None:
    """Serve a model at a host and port until it is called off; ``ready`` hears the address.

    Raises:
        StepError: the port is taken.
    """
    queue = Queue(model)
    host, port = place
    try:
        server = await listen(Api(queue, name, key).answer, host, port)
    except OSError as bad:
        raise StepError(
            f"cannot listen at {host}:{port}: {bad.strerror or bad}", hint="choose another --port"
        ) from None
    try:
        ready(f"http://{host}:{server.sockets[0].getsockname()[1]}/v1")
        await server.serve_forever()
    finally:
        queue.close()
