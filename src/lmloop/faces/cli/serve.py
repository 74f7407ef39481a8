"""``lmloop serve``: a model behind the interface that OpenAI's servers have."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import click

from lmloop.faces.options import HOME, complete_run
from lmloop.faces.verb import Verb


@click.command(
    "serve",
    cls=Verb,
    section="One step",
    examples=(
        "lmloop serve toy                             # then: openai:toy@http://127.0.0.1:8000/v1",
        "lmloop serve run:base --port 9000            # the newest weights of the step base",
        "lmloop serve gguf:SmolLM2.gguf --name smollm2",
    ),
)
@click.argument("model", shell_complete=complete_run)
@HOME
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0: to everybody.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free.")
@click.option("--name", help="What clients call it.  [default: MODEL]")
@click.option("--key-from", metavar="VARIABLE", help="Ask clients for the key in this environment variable.")
def verb(model: str, home: Path, host: str, port: int, name: str | None, key_from: str | None) -> None:
    """Serve MODEL to whatever speaks with OpenAI's servers, until it is interrupted.

    MODEL is a back-end's name (toy, gguf:FILE, openai:MODEL@URL, ...), or a run of a step that makes weights.
    """
    from lmloop.core.errors import RecipeError
    from lmloop.core.weights import named_model
    from lmloop.serving.server import serve

    key = os.environ.get(key_from, "") if key_from else ""
    if key_from and not key:
        raise RecipeError(f"the environment variable {key_from} is not set", hint=f"export {key_from}=...")
    opened = named_model(model, home)

    def ready(address: str) -> None:
        click.echo(f"serving {name or model} at {address}\nctrl-c stops it", err=True)

    with suppress(KeyboardInterrupt):
        asyncio.run(serve(opened, name or model, (host, port), ready, key))
