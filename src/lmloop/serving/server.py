"""A server of a model: starts, says where it listens, and runs until it is told to stop."""

from collections.abc import Callable

from lmloop.core.errors import StepError
from lmloop.core.model import Embeds, Generates, Model, Sampling, text_prompt
from lmloop.core.record import Turn
from lmloop.serving.api import Api
from lmloop.serving.http import listen
from lmloop.serving.queue import Queue


async def serve(model: Model, name: str, place: tuple[str, int], ready: Callable[[str], None], key: str = "") -> None:
    """Serve a model at a host and port until it is called off; ``ready`` hears the address.

    The model is asked for a token first, so that one that cannot be opened or reached fails at once.

    Raises:
        LmloopError: the model cannot be opened, or does not answer.
        StepError: the port is taken.
    """
    queue = Queue(model)
    host, port = place
    try:
        await queue.call(lambda: try_out(model))
        server = await listen(Api(queue, name, key).answer, host, port)
        ready(f"http://{host}:{server.sockets[0].getsockname()[1]}/v1")
        await server.serve_forever()
    except RuntimeError as bad:
        raise StepError(f"the model cannot be served: {bad}", hint="ask it something: lmloop sample") from None
    except OSError as bad:
        raise StepError(
            f"cannot listen at {host}:{port}: {bad.strerror or bad}", hint="choose another --port"
        ) from None
    finally:
        queue.close()


def try_out(model: Model) -> None:
    """Ask a model for as little as it can give.

    Raises:
        StepError: it gives nothing, neither in a conversation nor behind a raw text.
    """
    if not isinstance(model, Generates):
        if isinstance(model, Embeds):
            model.embed(["Hi"])
        return
    errors = []
    for prompt in ((Turn("user", "Hi"),), text_prompt("Hi")):
        [reply] = model.generate([prompt], Sampling(max_tokens=1))
        if not reply.error:
            return
        errors.append(reply.error)
    raise StepError(f"the model does not answer: {errors[0]}", hint="is its name, and the address behind it, right?")
