"""``lmloop sample``: let a model go on with a text."""

from dataclasses import dataclass
from pathlib import Path

import click

from lmloop.faces.options import HOME, JSON, complete_run
from lmloop.faces.terminal import print_json
from lmloop.faces.verb import Verb, bundled


@dataclass(frozen=True, slots=True)
class How:
    """How to write."""

    tokens: int
    temperature: float
    count: int
    seed: int


@click.command(
    "sample",
    cls=Verb,
    section="Recipes and runs",
    examples=(
        'lmloop sample base "The function returns"      # the newest run of the step',
        'lmloop sample base "今天天气" --tokens 100 --temperature 0.8 --seed 3',
        'lmloop sample models/mine "Once" --count 3     # any folder in Hugging Face\'s form',
        'lmloop sample toy "the cat"                    # any model by its name, as in every verb',
    ),
)
@click.argument("model", shell_complete=complete_run)
@click.argument("text", default="")
@HOME
@bundled(
    "how",
    How,
    click.option("--tokens", type=click.IntRange(1), default=60, show_default=True, help="At most so many tokens."),
    click.option("--temperature", type=click.FloatRange(0), default=0.8, show_default=True, help="0: the likeliest."),
    click.option("--count", type=click.IntRange(1), default=1, show_default=True, help="So many continuations."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed, another text."),
)
@JSON
def verb(model: str, text: str, home: Path, how: How, as_json: bool) -> None:
    """Let a model go on with TEXT.

    MODEL is a back-end's name (toy, gguf:FILE, openai:MODEL@URL, ...), a run of a step that makes weights, or a folder.
    """
    from lmloop.core.asking import answer
    from lmloop.core.model import Sampling, Writing, text_prompt
    from lmloop.core.weights import named_model

    samplings = [Sampling(how.tokens, how.temperature, top_p=0.95, seed=how.seed + n) for n in range(how.count)]
    replies = answer(named_model(model, home), [Writing(text_prompt(text), sampling) for sampling in samplings])
    if as_json:
        print_json(
            [{"prompt": text, "text": reply.text, "logprob": reply.logprob, "cut": reply.cut} for reply in replies]
        )
        return
    click.echo("\n\n".join(f"{text}{reply.text}" for reply in replies))
