"""HumanEval: functions to be completed, and tests that they must pass (Chen et al., 2021)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PositiveFloat, model_validator

from lmloop.core.model import Reply
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.repeats import pass_at
from lmloop.scoring.sandbox import Limits, Outcome, run_all
from lmloop.scoring.tables import read_rows
from lmloop.scoring.writing import CUT_OFF, Sampled
from lmloop.scoring.written import after_thinking, code

KS = (1, 10, 100)
STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")


class Humaneval(Sampled):
    """Complete 164 Python functions; a completion is right if it passes the tests.

    Programs are run, each in a sandbox of its own (no network, no other files, limits of time and memory). They are
    still programs that nobody has read: say ``run_code = true`` to have them run. ``pass@k`` is the unbiased estimate
    from ``samples`` replies, for k of 1, 10 and 100. Profiles: ``official`` lets the function be continued, as raw
    text; ``chat`` asks for it in a fenced block.
    """

    metrics: ClassVar[tuple[Metric, ...]] = tuple(Metric(f"pass@{k}") for k in KS)
    source: ClassVar[Source] = Source(
        "humaneval",
        "MIT",
        "https://github.com/openai/human-eval",
        {"test": ("HumanEval.jsonl*", "data/HumanEval.jsonl*", "openai_humaneval/test-*.parquet")},
        hub="openai/openai_humaneval",
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form("{prompt}", "{target}", by="writing", stop=STOPS, max_tokens=1024, metric="pass@1"),
        "chat": Form(
            "Complete the function below. Answer with the whole function, imports included, in one fenced block of "
            "Python.\n\n```python\n{prompt}\n```\n",
            " {target}",
            by="writing",
            max_tokens=2048,
            extract="code",
            metric="pass@1",
        ),
    }

    run_code: bool = Field(False, description="run what the model wrote, in a sandbox")
    seconds: PositiveFloat = Field(3.0, description="how long a program may run, by the clock")

    @model_validator(mode="after")
    def _allowed(self) -> "Humaneval":
        if not self.run_code:
            raise ValueError("it runs programs that the model wrote, in a sandbox: say run_code = true to allow that")
        return self

    @classmethod
    def example(cls) -> "Humaneval":
        """Give one that may run code."""
        return cls(run_code=True)

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read functions to be completed, with their tests."""
        for row in read_rows(path):
            more = {"test": row["test"], "entry_point": row["entry_point"], "start": row["prompt"]}
            yield Item({"prompt": row["prompt"]}, target=row["canonical_solution"], more=more)

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """Run the replies to one item."""
        return self.grades([(record, said)])[0]

    def grades(self, asked: Sequence[tuple[Record, Sequence[Reply]]]) -> list[Grade]:
        """Run the replies to all items, many at once."""
        programs = [[self.program(record, reply.text) for reply in said] for record, said in asked]
        flat = [program for several in programs for program in several if program is not None]
        outcomes = iter(run_all(flat, Limits(seconds=self.seconds)))
        found = [[None if program is None else next(outcomes) for program in several] for several in programs]
        return [self._graded(record, said, runs) for (record, said), runs in zip(asked, found, strict=True)]

    def program(self, record: Record, reply: str) -> str | None:
        """Put a reply and the tests together; None where the reply has no end of its thinking."""
        said = after_thinking(reply)
        if said is None:
            return None
        start, name = str(record.meta["start"]), str(record.meta["entry_point"])
        fenced = code(said) if self.form().extract == "code" or f"def {name}" in said else None
        body = start + said if fenced is None else fenced if f"def {name}" in fenced else start + fenced
        return f"{body}\n{record.meta['test']}\ncheck({name})\n"

    def mark(self, record: Record, reply: str) -> tuple[Mapping[str, float], str | None, str]:
        """Judge one reply alone."""
        grade = self.grade(record, [Reply(reply)])
        return grade.values, grade.extracted, grade.why

    def _graded(self, record: Record, said: Sequence[Reply], runs: Sequence[Outcome | None]) -> Grade:
        if lost := next((reply.error for reply in said if reply.error), ""):
            return self.graded(record, {}, None, lost)
        right = sum(run is not None and run.passed for run in runs)
        values = {f"pass@{k}": pass_at(k, right, len(runs)) for k in KS if k <= len(runs)}
        whys = [CUT_OFF if run is None else f"{run.status} {run.why}".strip() for run in runs]
        locks = next((", ".join(run.locks) for run in runs if run is not None and run.locks), "")
        why = "; ".join(dict.fromkeys(whys)) + (f" (sandbox: {locks})" if locks else "")
        extracted = next((reply.text for reply, run in zip(said, runs, strict=True) if run is not None), None)
        return self.graded(record, values, extracted, why)

    def protocol(self) -> dict[str, Any]:
        """Say how it asks and judges."""
        return {**super().protocol(), "seconds": self.seconds}

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give two invented functions."""
        rows = "".join(
            f'{{"task_id": "Made/{n}", "prompt": "def add_{n}(x):\\n    \\"\\"\\"Add {n}.\\"\\"\\"\\n", '
            f'"entry_point": "add_{n}", "canonical_solution": "    return x + {n}\\n", '
            f'"test": "def check(f):\\n    assert f(1) == {n + 1}\\n"}}\n'
            for n in range(2)
        )
        return {"humaneval/HumanEval.jsonl": rows.encode()}
