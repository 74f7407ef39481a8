"""Your own questions with written replies: a JSON Lines, CSV or Parquet file, a template and a metric."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias, cast

from pydantic import Field, field_validator, model_validator

from lmloop.core.model import Model, Reply
from lmloop.core.outside import resolve
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric
from lmloop.core.weights import AnyModel
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item, fill
from lmloop.scoring.judged import UNREAD
from lmloop.scoring.judging import GRADE_EN, GRADE_ZH, ask_judge, locked, mean_grade, template
from lmloop.scoring.overlap import edit_similarity, exact, f1, sentence_bleu, sentence_chrf
from lmloop.scoring.rouge import rouge
from lmloop.scoring.tables import read_rows
from lmloop.scoring.writing import Written
from lmloop.scoring.written import FINDERS, after_thinking, cascade, pattern, same_number

Chosen: TypeAlias = Literal["exact", "contains", "number", "f1", "rouge-l", "edit", "bleu", "chrf", "judge"]

METRICS: dict[str, Callable[[str, Sequence[str]], float]] = {
    "exact": exact,
    "contains": lambda reply, answers: float(any(answer.casefold() in reply.casefold() for answer in answers)),
    "number": lambda reply, answers: float(any(same_number(reply, answer) for answer in answers)),
    "f1": f1,
    "rouge-l": lambda reply, answers: max((rouge(reply, answer)["rougeL"] for answer in answers), default=0.0),
    "edit": edit_similarity,
    "bleu": lambda reply, answers: sentence_bleu(reply, answers) / 100,
    "chrf": lambda reply, answers: sentence_chrf(reply, answers) / 100,
}


class Write(Written):
    """Ask the questions of ``file`` and compare the replies with its answers.

    The file is looked for beside the recipe, then in the data folder. ``template`` is the prompt and ``reply`` the
    right answer, each with the fields of a row in braces; a field that is a list gives several right answers.
    ``extract`` names what is looked for in a reply, in turn: a finder (``number``, ``boxed``, ``final``,
    ``first-line``, ``last-line``, ``code``, ``whole``) or a regular expression. ``metric`` is ``exact``, ``contains``,
    ``number``, ``f1``, ``rouge-l``, ``edit``, ``bleu``, ``chrf``, or ``judge``: a tenth of the grade from 1 to 10 that
    the model ``judge`` gives. All scores are from 0 to 1. A field ``subject`` groups rows, a field ``cluster`` says
    what they share.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("score"),)
    source: ClassVar[Source] = Source("own", "your own", "your own file", {})
    forms: ClassVar[Mapping[str, Form]] = {"own": Form("", " {target}", by="writing", pick="fixed", max_tokens=256)}

    file: str = "prompts.jsonl"
    template: str = "{question}\n"
    reply: str = "{answer}"
    extract: list[str] = []
    metric: Chosen = "exact"
    stop: list[str] = Field([], description="texts that end a reply; none for its own end")
    judge: AnyModel | None = None

    @field_validator("file")
    @classmethod
    def _found(cls, name: str) -> str:
        return str(resolve(name)) if resolve(name).is_file() else name

    @field_validator("extract")
    @classmethod
    def _finders(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in FINDERS:
                try:
                    pattern(name)
                except Exception as bad:
                    raise ValueError(
                        f"{name!r} is no regular expression ({bad}), and none of {list(FINDERS)}"
                    ) from None
        return names

    @model_validator(mode="after")
    def _judged(self) -> "Write":
        if (self.metric == "judge") != (self.judge is not None):
            raise ValueError("metric = 'judge' and judge = MODEL go together")
        return self

    def place(self) -> Source:
        """Give the place of the questions."""
        return replace(self.source, splits={"test": (self.file,)})

    def paths(self, split: str) -> list[Path]:
        """Find the file beside the recipe, or in the data folder."""
        return [Path(self.file)] if Path(self.file).is_file() else super().paths(split)

    def form(self) -> Form:
        """Give the form that is set here."""
        return replace(super().form(), item=self.template, stop=tuple(self.stop), extract=" ".join(self.extract))

    def reading(self) -> dict[str, Any]:
        """Name the answer that is read."""
        return {"reply": self.reply}

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read the rows of the file."""
        for row in read_rows(path):
            answers = _answers(self.reply, row)
            fields = {str(key): str(value) for key, value in row.items() if value is not None}
            group, cluster = (str(row.get(name) or "") for name in ("subject", "cluster"))
            more = {"answers": answers}
            yield Item(fields, target=answers[0] if answers else "", group=group, cluster=cluster, more=more)

    def identity(self) -> dict[str, Any]:
        """Tell its results from another's: what the file holds counts, where it lies does not."""
        return {**super().identity(), "file": Path(self.file).name}

    def protocol(self) -> dict[str, Any]:
        """Say how it asks and judges."""
        judge = self.judge and {"model": self.judge.identity(), "prompts": locked((GRADE_EN, GRADE_ZH))}
        return {**super().protocol(), "metric": self.metric, "extract": self.extract, "judge": judge}

    def mark(self, record: Record, reply: str) -> tuple[Mapping[str, float], str | None, str]:
        """Compare what is found in a reply with the answers."""
        found, how = self._extracted(reply)
        if found is None:
            return {"score": 0.0}, None, "nothing was found in the reply"
        score = METRICS[self.metric](found, record.meta["answers"])
        return {"score": score}, found, f"{self.metric} {score:.4f}" + (f", found by {how}" if self.extract else "")

    def grades(self, asked: Sequence[tuple[Record, Sequence[Reply]]]) -> list[Grade]:
        """Compare, or let the judge grade all at once."""
        if self.judge is None:
            return super().grades(asked)
        found = [
            None if (said := after_thinking(replies[0].text)) is None else self._extracted(said)[0]
            for _, replies in asked
        ]
        cases = []
        for (record, _), text in zip(asked, found, strict=True):
            question, answers = str(record.meta["question"]), record.meta["answers"]
            fields = {"question": question, "answer": text or "", "reference": answers[0] if answers else ""}
            cases += [(template("grade", question), fields)] if text is not None else []
        verdicts = iter(ask_judge(cast(Model, self.judge), cases))
        return [
            self.graded(record, {"score": 0.0}, None, "nothing was found in the reply")
            if text is None
            else self._of_verdict(record, text, next(verdicts))
            for (record, _), text in zip(asked, found, strict=True)
        ]

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """Judge the reply to one row."""
        return super().grade(record, said) if self.judge is None else self.grades([(record, said)])[0]

    def _of_verdict(self, record: Record, text: str, verdicts: Sequence[Any]) -> Grade:
        grade, reason = mean_grade(verdicts), verdicts[0].reason
        if grade is None:
            return self.graded(record, {}, None, f"{UNREAD}: {reason}")
        return self.graded(record, {"score": grade / 10}, text, reason)

    def _extracted(self, reply: str) -> tuple[str | None, str]:
        return cascade(self.extract or ["whole"], reply)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a few questions."""
        row = '{"question": "%d加1等于多少？", "answer": "%d", "subject": "算术"}\n'
        return {"prompts.jsonl": "".join(row % (n, n + 1) for n in range(4)).encode()}


def _answers(wanted: str, row: Mapping[str, Any]) -> list[str]:
    name = wanted.removeprefix("{").removesuffix("}")
    if isinstance(row.get(name), list) and wanted == f"{{{name}}}":
        return [str(answer) for answer in row[name]]
    return [fill(wanted, row)]
