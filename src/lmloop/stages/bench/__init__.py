"""Bench: load an OpenAI-compatible server as its users would, and say what it bears."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from lmloop.core.card import WORK
from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.outside import OutsideFile
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.loadtest.amounts import limit
from lmloop.loadtest.local import local_server
from lmloop.loadtest.server import Delays
from lmloop.loadtest.target import Api, Form, address
from lmloop.report import blocks
from lmloop.stages.bench.finding import Finding
from lmloop.stages.bench.seeing import show
from lmloop.stages.bench.settings import LimitText, LoadTable, PromptsTable, RequestTable, ServerTable, SweepTable
from lmloop.stages.bench.telling import FACTS, facts, metrics
from lmloop.stages.bench.testing import Testing

REQUESTS = "requests.parquet"
DEMO = "demo"


class Bench(Step):
    """Send requests to the server at ``url`` and measure its replies: times, throughput, failures, and goodput.

    ``url`` is that of any OpenAI-compatible server, up to ``/v1``; ``demo`` is a built-in server with known delays
    (``server``). ``model`` is the first that the server lists, unless named; ``api`` is chat or completions.
    ``request``, ``load`` and ``prompts`` say how, when and what is asked.

    Prompts are drawn by chance; or come from the records that this step reads, or from ``files``. A ``trace`` says
    when requests arrive, as in real traffic. A ``schedule``, as each run leaves one, is played again to the letter.

    ``limits`` such as ``ttft=300ms`` or ``itl:p90=50ms`` say what a good reply is. With ``sweep``, the highest rate
    that keeps to them is looked for; with ``calibrate``, the client's own error is measured at the built-in server.

    A second measurement is another ``take``: it is never taken from an earlier run. A run that was stopped or killed
    keeps what it had measured, and says that it is partial.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("records",)
    makes: ClassVar[Kind] = "scores"
    needs_input: ClassVar[bool] = False
    measured: ClassVar[tuple[str, ...]] = (REQUESTS, FACTS)

    url: str = Field(min_length=1)
    model: str = ""
    api: Api = "chat"
    request: RequestTable = RequestTable()
    load: LoadTable = LoadTable()
    prompts: PromptsTable = PromptsTable()
    files: list[OutsideFile] = []
    trace: OutsideFile | None = None
    schedule: OutsideFile | None = None
    limits: list[LimitText] = []
    sweep: SweepTable | None = None
    calibrate: bool = False
    server: ServerTable = ServerTable()
    take: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.url != DEMO:
            address(self.url)
        if self.calibrate and self.url != DEMO:
            raise ValueError('only the built-in server has known delays: url = "demo"')
        if self.sweep and (self.trace or self.schedule or self.load.users):
            raise ValueError("a sweep makes its own schedules: without trace, schedule and users")
        if self.trace and self.schedule:
            raise ValueError("a trace or a schedule, not both")
        if self.prompts.filler == "ids" and self.api == "chat" and not self.schedule:
            raise ValueError('token ids can only be asked with api = "completions"')
        return self

    @classmethod
    def example(cls) -> "Bench":
        """Give one that asks the built-in server a little."""
        load = {"rate": "40", "arrivals": "constant", "requests": 8, "grace": 20}
        prompts = {"input": "4", "output": "4"}
        return cls.model_validate(
            {"url": DEMO, "server": {"ttft": 0.01, "itl": 0.005}, "load": load, "prompts": prompts}
        )

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Load the server, and leave every request's times, the numbers, and what a person should see."""
        work = out / WORK
        testing = Testing(self, inputs, out, context)
        if list(work.glob("run-*/*.log")):
            context.progress.say("  an earlier run was killed: what it has measured is kept, as partial")
            found = testing.rescue()
        else:
            with self._target() as url:
                found = testing.measure(url)
        if not found.tests:
            raise DataError("nothing was measured", hint="run it again")
        testing.join(out / REQUESTS)
        self._leave(found, out)
        return metrics(found)

    def form(self) -> Form:
        """Say how requests are written."""
        return Form(self.api, self.model, self.request.stream, True, self.request.extra)

    @contextmanager
    def _target(self) -> Iterator[str]:
        if self.url != DEMO:
            yield self.url
            return
        with local_server(Delays(self.server.ttft, self.server.itl, self.server.slots)) as url:
            yield url

    def _leave(self, found: Finding, out: Path) -> None:
        limits: list[Any] = [limit(told) for told in self.limits]
        with draft(out / FACTS) as place:
            place.write_text(json.dumps(facts(found, limits), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        blocks.write(out / BLOCKS, show(found, limits))
