"""Certainty: how well models know what they know, and what they leave unanswered."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from lmloop.core.draft import draft
from lmloop.core.engine.shards import list_shards, shard_records
from lmloop.core.errors import DataError, RecipeError
from lmloop.core.model import Sampling
from lmloop.core.replies import FILE as REPLIES
from lmloop.core.replies import fingerprint, kept_replies, remembering
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.core.weights import open_model
from lmloop.report import blocks
from lmloop.scoring.sureness import Form, Match, Unasked, probed, question_of
from lmloop.stages.certainty.asking import Answer, Asker, Case
from lmloop.stages.certainty.measuring import measure
from lmloop.stages.certainty.seeing import show
from lmloop.stages.certainty.telling import scores_of

ANSWERS = "answers.parquet"


class Certainty(Step):
    """Ask models questions, then whether they are sure, and hold against each other what they said and what is so.

    All weights that are read are asked all questions that are read: in ``form``, for at most ``tokens`` tokens up to
    one of ``stop``; an answer is right by ``match``, as in ``probe``. Behind the answer stands the question whether it
    is sure; the chance of "I am sure." against "I am unsure." is what the model thinks of it. What is less than
    ``threshold`` sure, or says that it does not know, counts as not answered.

    The report ranks answers by the mean of that chance and the confidence of the answer: average precision, calibration
    error in ``bins`` bins, Brier's score, and risk by coverage; each of the two alone beside. Questions of the inputs
    in ``unanswerable`` have no answer: of them, the share that is refused. Of questions that a ``probe`` found known,
    the share that is refused all the same. ``answers.parquet`` holds every answer, ``scores.json`` the chief numbers,
    which a leaderboard has beside its table.

    Source: R-Tuning (Zhang et al. 2024), which ranks by the same mean.
    """

    version: ClassVar[int] = 2
    takes: ClassVar[tuple[Kind, ...]] = ("records", "weights")
    makes: ClassVar[Kind] = "scores"
    needs: ClassVar[tuple[Kind, ...]] = ("records", "weights")

    form: Form = "turns"
    match: Match = "contains"
    tokens: int = Field(default=32, ge=1)
    stop: list[str] = ["\n"]
    unanswerable: list[str] = []
    threshold: float = Field(default=0.5, ge=0, le=1)
    bins: int = Field(default=10, ge=2)

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Ask every model, write the answers, and measure."""
        cases, left = self._cases([item for item in inputs if item.kind == "records"])
        answers, marks = dict[str, list[Answer]](), dict[str, str]()
        with kept_replies(out.parent / REPLIES) as kept:
            for item in inputs:
                if item.kind == "weights":
                    model, name = open_model(item.path), item.id or item.path.name
                    asker = Asker(remembering(model, kept), self.match, self._sampling(context))
                    answers[name], marks[name] = asker.ask(cases, context.progress), fingerprint(model)
        with draft(out / ANSWERS) as place:
            pq.write_table(
                pa.Table.from_pylist([each.row(name) for name, some in answers.items() for each in some]), place
            )
        found = {name: measure(some, self.threshold, self.bins) for name, some in answers.items()}
        scores_of(found, answers, self.identity(), marks).write(out)
        blocks.write(out / BLOCKS, show(found, answers, self.bins))
        told = {f"{name}/{key}": value for name, each in found.items() for key, value in each.metrics().items()}
        return {"questions": len(cases), "left out": left, **told}

    def _sampling(self, context: Context) -> Sampling:
        return Sampling(self.tokens, stop=tuple(self.stop), seed=context.seed)

    def _cases(self, inputs: Sequence[Artifact]) -> tuple[list[Case], int]:
        """Read the questions; count what is none."""
        if unknown := sorted(set(self.unanswerable) - {item.id for item in inputs}):
            raise RecipeError(f"{unknown[0]!r} is no input of this step", hint="unanswerable names inputs")
        cases, left = list[Case](), 0
        for item in inputs:
            has_answer = item.id not in self.unanswerable
            for shard in list_shards([item.path]):
                for record in shard_records(shard.path):
                    try:
                        question = question_of(record, self.form, answered=has_answer)
                    except Unasked:
                        left += 1
                        continue
                    cases.append(Case(record.id, question, has_answer, probed(record).get("known")))
        if not any(case.has_answer for case in cases):
            raise DataError(
                "there is no question with an answer", hint="a question has a prompt, and a text or choices"
            )
        return cases, left
