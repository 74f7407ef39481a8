"""Probe: ask a model questions whose answers are known, and note which of them it knows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from pydantic import Field

from lmloop.core.engine.shards import list_shards, shard_records
from lmloop.core.engine.sorting import Sorting
from lmloop.core.errors import DataError, RecipeError
from lmloop.core.model import Model, Sampling
from lmloop.core.progress import Bar
from lmloop.core.record import Record
from lmloop.core.replies import FILE as REPLIES
from lmloop.core.replies import fingerprint, kept_replies, remembering
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.core.task import AnyTask
from lmloop.core.weights import AnyModel, open_model
from lmloop.report import blocks
from lmloop.scoring.sureness import Form, Match
from lmloop.stages.probe.asking import Finding, Prober
from lmloop.stages.probe.seeing import Seen, show


class Probe(Step):
    """Ask a model every question of some records, and note in their meta, under ``probe``, whether it knows the answer.

    The model is the weights that are read, or ``model`` by name. A question is a prompt with a text, its right answer
    (more may stand in meta under ``answers``), or with choices of which one is right. ``form`` asks in the model's chat
    template (``turns``) or as raw ``text``: "Question: ... Answer:". Or a ``task`` gives the questions and grades.

    One reply is greedy, of at most ``tokens`` tokens up to one of ``stop``; a text is right where it holds the answer
    (``match``: "contains") or is it ("exact"), a choice where its option is the likeliest. Of written answers,
    ``samples`` more are drawn at ``temperature``. A question is known ``by`` the greedy answer, or where at least the
    share ``least`` of the samples is right; a choice, of which there are none, always goes by its likeliest option.
    The entropy is that of the samples' frequencies, or of the options' shares. ``batch`` questions are asked at a time.

    Replies are kept beside the runs: a probe that was killed goes on where it was. Source: R-Tuning (Zhang et al.
    2024); R-Tuning-U, its form without labels, for the entropy.
    """

    version: ClassVar[int] = 2
    takes: ClassVar[tuple[Kind, ...]] = ("records", "weights")
    makes: ClassVar[Kind] = "records"
    needs_input: ClassVar[bool] = False

    model: AnyModel | None = None
    task: AnyTask | None = None
    form: Form = "turns"
    match: Match = "contains"
    tokens: int = Field(default=32, ge=1)
    stop: list[str] = ["\n"]
    samples: int = Field(default=5, ge=0)
    temperature: float = Field(default=0.7, gt=0)
    by: Literal["greedy", "samples"] = "greedy"
    least: float = Field(default=0.5, gt=0, le=1)
    batch: int = Field(default=1024, ge=1)

    @classmethod
    def example(cls) -> "Probe":
        """Give one that asks the toy model."""
        return cls.model_validate({"model": "toy", "tokens": 8, "samples": 2})

    def outside(self, base: Path, digest: Callable[[Path], str]) -> Any:
        """Tell the model by what it holds: another in the same place is another."""
        return None if self.model is None else fingerprint(cast(Model, self.model))

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Ask, and write the questions with what was found."""
        model = self._model(inputs)
        given = [item for item in inputs if item.kind == "records"]
        if (self.task is None) != bool(given):
            raise RecipeError("a probe asks the questions of records, or those of a task", hint='from = ["questions"]')
        if self.by == "samples" and not self.samples:
            raise RecipeError("by = 'samples' needs samples", hint="samples = 5")
        sorting, seen = Sorting(out, self.name()), Seen()
        shards = self._shards(given)
        total = sum(count for count, _ in shards)
        with kept_replies(out.parent / REPLIES) as kept, context.progress.bar("probe", total, "questions") as bar:
            prober = self._prober(remembering(model, kept), context.seed)
            for _, records in shards:
                self._probe(prober, records, (sorting, seen, bar))
        counts = sorting.done()
        if not sorting.kept:
            reasons = ", ".join(f"{why}: {count}" for why, count in sorting.reasons.items()) or "no records"
            raise DataError(f"there is no question to ask ({reasons})", hint="a question has a prompt and an answer")
        blocks.write(out / BLOCKS, show(seen, sorting.reasons))
        return {**counts, **seen.metrics()}

    def _model(self, inputs: Sequence[Artifact]) -> Model:
        folders = [item.path for item in inputs if item.kind == "weights"]
        if len(folders) + (self.model is not None) != 1:
            raise RecipeError("a probe asks one model", hint='from = ["base", "questions"], or model = "toy"')
        return open_model(folders[0]) if folders else cast(Model, self.model)

    def _prober(self, model: Model, seed: int) -> Prober:
        sampling = Sampling(self.tokens, stop=tuple(self.stop), seed=seed)
        drawn = [replace(sampling, temperature=self.temperature, seed=seed + 1 + n) for n in range(self.samples)]
        return Prober(model, self.task, (self.form, self.match), sampling, drawn)

    def _shards(self, given: Sequence[Artifact]) -> list[tuple[int, Iterable[Record]]]:
        """List what is read together: how many records, and the records."""
        if self.task is not None:
            questions = list(self.task.questions())
            return [(len(questions), questions)]
        return [(shard.rows, shard_records(shard.path)) for shard in list_shards([item.path for item in given])]

    def _probe(self, prober: Prober, records: Iterable[Record], into: tuple[Sorting, Seen, Bar]) -> None:
        """Ask a shard's questions, some at a time, and write it."""
        sorting, seen, bar = into
        found: list[Finding] = []
        left: list[tuple[Record, str]] = []
        waiting = iter(records)
        while batch := list(islice(waiting, self.batch)):
            some, others = prober.probe(batch)
            found += some
            left += others
            bar.advance(len(some) + len(others))
        kept = []
        for each in found:
            share = each.share if self.by == "samples" else None
            known = each.right if share is None else share >= self.least
            seen.take(each, known)
            kept.append(replace(each.record, meta={**each.record.meta, self.name(): {"known": known, **each.meta()}}))
        sorting.write(kept, left)
