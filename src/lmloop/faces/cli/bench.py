"""``lmloop bench``: load a server as its users would, and say what it bears."""

from dataclasses import asdict, dataclass
from pathlib import Path

import click

from lmloop.core.errors import RecipeError
from lmloop.faces.options import HOME, LIMITS, Limits
from lmloop.faces.verb import Verb, bundled


@dataclass(frozen=True, slots=True)
class When:
    """When requests are sent."""

    rate: str | None
    arrivals: str | None
    burstiness: float | None
    users: int | None
    think: str | None
    duration: str | None
    requests: int | None
    warm_up: str | None
    cool_down: str | None


@dataclass(frozen=True, slots=True)
class What:
    """What is asked, of which model."""

    model: str | None
    api: str | None
    stream: bool
    files: tuple[Path, ...]
    input: str | None
    output: str | None
    turns: str | None
    trace: Path | None
    schedule: Path | None
    timeout: str | None
    key: str | None


@dataclass(frozen=True, slots=True)
class How:
    """What kind of measurement it is, and in which form it is told."""

    demo: bool
    calibrate: bool
    serve: int | None
    sweep: bool
    limit: tuple[str, ...]
    sets: tuple[str, ...]
    form: str | None


@click.command(
    "bench",
    cls=Verb,
    section="One step",
    examples=(
        "lmloop bench --demo --duration 5s                        # no server yet? this one is built in",
        "lmloop bench http://localhost:8000 --rate 5 --duration 60s --warm-up 5s",
        "lmloop bench http://localhost:8000 --users 32 --think 1s --prompts rows.jsonl",
        "lmloop bench http://localhost:8000 --trace trace.csv --set load.speed=2",
        "lmloop bench http://localhost:8000 --sweep --limit ttft=300ms --limit itl=50ms",
        "lmloop bench --calibrate                                 # how exact is this client, here?",
    ),
)
@click.argument("url", required=False)
@bundled(
    "how",
    How,
    click.option("--demo", is_flag=True, help="Load the built-in server, which has known delays."),
    click.option("--calibrate", is_flag=True, help="Measure the client's own error against the built-in server."),
    click.option("--serve", type=click.IntRange(1, 65535), metavar="PORT", help="Only run the built-in server."),
    click.option("--sweep", is_flag=True, help="Search for the highest rate that keeps to the limits."),
    click.option("--limit", multiple=True, metavar="MEASURE=TIME", help="ttft=300ms, itl:p90=50ms, tpot, latency."),
    click.option("--set", "sets", multiple=True, metavar="SETTING=VALUE", help="Set any other setting of the step."),
    click.option("--json", "form", flag_value="json", help="Print all numbers as JSON."),
    click.option("--csv", "form", flag_value="csv", help="Print the numbers of each test as CSV."),
)
@bundled(
    "when",
    When,
    click.option("--rate", metavar="RATE", help="Sessions a second: 5, a ramp 1..20, steps 2,4,8.  [default: 2]"),
    click.option("--arrivals", type=click.Choice(["poisson", "constant", "gamma"]), help="How they come."),
    click.option("--burstiness", type=float, metavar="K", help="With gamma: under 1 in bursts, over 1 evener."),
    click.option("--users", type=click.IntRange(1), metavar="N", help="Closed loop: so many users instead of a rate."),
    click.option("--think", metavar="TIME", help="What a user waits before asking again."),
    click.option("--duration", metavar="TIME", help="How long requests are sent.  [default: 30s]"),
    click.option("--requests", type=click.IntRange(1), metavar="N", help="How many sessions, instead."),
    click.option("--warm-up", metavar="TIME", help="Requests of this time at the start do not count."),
    click.option("--cool-down", metavar="TIME", help="Nor do those of this time before the end."),
)
@bundled(
    "what",
    What,
    click.option("--model", metavar="NAME", help="The model's name.  [default: the first that the server lists]"),
    click.option("--api", type=click.Choice(["chat", "completions"]), help="Which API.  [default: chat]"),
    click.option("--stream/--no-stream", default=True, help="Ask for streams, or for whole replies."),
    click.option(
        "--prompts",
        "files",
        multiple=True,
        type=click.Path(path_type=Path, exists=True),
        metavar="FILE",
        help="Ask what is in these files.",
    ),
    click.option("--input", metavar="LENGTH", help="Words a prompt: 200, 100..900, lognormal:300:0.8."),
    click.option("--output", metavar="LENGTH", help="Tokens a reply, at most.  [default: 64]"),
    click.option("--turns", metavar="LENGTH", help="Turns a conversation.  [default: 1]"),
    click.option(
        "--trace", type=click.Path(path_type=Path, exists=True), metavar="FILE", help="Arrivals of real traffic."
    ),
    click.option(
        "--schedule",
        type=click.Path(path_type=Path, exists=True),
        metavar="FILE",
        help="Play the schedule of an earlier run again.",
    ),
    click.option("--timeout", metavar="TIME", help="What a reply may take.  [default: 600s]"),
    click.option("--key", metavar="NAME", help="Environment variable with the key.  [default: OPENAI_API_KEY]"),
)
@HOME
@LIMITS
def verb(url: str | None, how: How, when: When, what: What, home: Path, limits: Limits) -> None:
    """Load an OpenAI-compatible server, and measure how it answers.

    URL is that of the server, up to /v1. Requests go out at their moments whether or not those before were answered,
    unless --users says otherwise. The run is kept under --home with every request's times and a report; the table goes
    to stdout. A test in which this client was too slow is marked INVALID.
    """
    if how.serve is not None:
        from lmloop.faces.loads import serve

        serve(how.serve, how.sets)
        return
    if url is None and not (how.demo or how.calibrate):
        raise RecipeError("which server?", hint="lmloop bench http://localhost:8000, or with no server: --demo")
    from lmloop.faces import loads

    asked = _step("demo" if url is None else url, how, when, what)
    loads.carry_out(loads.Wanted(asked, how.sets, home, limits, how.form))


def _step(url: str, how: How, when: When, what: What) -> dict[str, object]:
    """Write the step that the options stand for; what nobody said is left to its defaults."""
    load = {name: value for name, value in asdict(when).items() if value is not None}
    prompts = {name: getattr(what, name) for name in ("input", "output", "turns") if getattr(what, name) is not None}
    request: dict[str, object] = {} if what.stream else {"stream": False}
    request |= {name: getattr(what, name) for name in ("timeout", "key") if getattr(what, name) is not None}
    step: dict[str, object] = {"id": "bench", "use": "bench", "url": url}
    step |= {name: getattr(what, name) for name in ("model", "api") if getattr(what, name) is not None}
    step |= {name: str(path.absolute()) for name in ("trace", "schedule") if (path := getattr(what, name)) is not None}
    if what.files:
        step["files"] = [str(path.absolute()) for path in what.files]
    if how.limit:
        step["limits"] = list(how.limit)
    if how.sweep:
        step["sweep"] = {}
    if how.calibrate:
        step["calibrate"] = True
        load.setdefault("duration", "3s")
    tables = {"load": load, "prompts": prompts, "request": request}
    return step | {name: table for name, table in tables.items() if table}
