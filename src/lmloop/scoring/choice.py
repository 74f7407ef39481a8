"""Choice items: which of several answers a model finds likeliest, or names in what it writes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from string import ascii_uppercase
from typing import ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from lmloop.core.model import Generates, Reply, Request, Sampling, Scores, Scoring, Writing
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric
from lmloop.scoring.benchmark import Benchmark
from lmloop.scoring.form import Form, Item, answers
from lmloop.scoring.letters import WEAK, Found, find_letter
from lmloop.scoring.likelihood import Scored, choice_values, picks

METRICS = (
    Metric("acc"),
    Metric("acc_norm"),
    Metric("acc_bytes"),
    Metric("acc_token"),
    Metric("brier", higher=False, most=2.0),
)
CHAT_TOKENS = 1024
RAW_STOP = ("\n\n",)


class Choice(Benchmark):
    """A benchmark of choice items: by likelihood each option is one request, by writing there is one for the item.

    The options of an item share all of their prompt, so that an engine reads it once.
    """

    metrics: ClassVar[tuple[Metric, ...]] = METRICS

    by: Literal["", "likelihood", "writing"] = Field(
        "", description="compare the options' likelihoods, or read the reply that is written; empty for the profile's"
    )
    max_tokens: PositiveInt | None = Field(None, description="the longest reply, where one is written")

    @model_validator(mode="after")
    def _options_differ(self) -> "Choice":
        form = super().form()
        if self.by == "likelihood" != form.by and not {"letter", "choice"} & set(re.findall(r"\w+", form.answer)):
            raise ValueError("by = 'likelihood' needs a profile whose examples end in an option, not in worked steps")
        return self

    def form(self) -> Form:
        """Give the form that items are put in, with what is set here in place of the profile's."""
        form = super().form()
        by = self.by or form.by
        if by == "likelihood":
            return replace(form, by=by, stop=(), max_tokens=0, extract="")
        own = form.by == "writing"
        return replace(
            form,
            by=by,
            metric="acc",
            stop=form.stop if own or self.chat else form.stop or RAW_STOP,
            max_tokens=self.max_tokens or (CHAT_TOKENS if self.chat and not own else form.max_tokens),
            extract=form.extract or "letter",
        )

    def powers(self) -> tuple[type, ...]:
        """Name what a model must be able to: score or write."""
        return (Scores,) if self.form().by == "likelihood" else (Generates,)

    def question(self, form: Form, item: Item, shots: Sequence[Item], name: str) -> Record:
        """Make the record of an item; ``asked`` of its ``meta`` are the options as they follow the prompt."""
        record = super().question(form, item, shots, name)
        asked = [answer.lstrip() if self.chat else answer for answer in answers(form, item) if item.choices]
        rights = item.more.get("answers", [item.answer] if item.answer is not None else [])
        meta = {**record.meta, "asked": asked, "measured": self.measured(form, item), "answers": rights}
        return Record(record.text, record.prompt, record.choices, record.answer, meta, record.id)

    def measured(self, form: Form, item: Item) -> list[str]:
        """Give the options as their length is measured: their text, or their letter where that is what is asked."""
        return list(item.choices) if "{choice}" in form.answer else list(form.letters[: len(item.choices)])

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        """Ask how likely each option is, or for a reply."""
        if said:
            return []
        form = self.form()
        if form.by == "likelihood":
            return [Scoring(record.prompt, text) for text in record.meta["asked"]]
        return [Writing(record.prompt, Sampling(form.max_tokens, stop=form.stop, seed=self.seed))]

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """Compare what was found likeliest or was written with the right options; a lost reply has no values.

        Extracted is the option that the chief metric takes, so that an item has one answer and one verdict.
        """
        if lost := next((reply.error for reply in said if reply.error), ""):
            return self.graded(record, {}, lost, None)
        form = self.form()
        if form.by == "writing":
            return self.judge(record, said[0], form)
        options = [
            Scored(text, reply.logprob if reply.logprob is not None else float("-inf"), reply.tokens)
            for text, reply in zip(record.meta["measured"], said, strict=True)
        ]
        values = choice_values(options, record.meta["answers"])
        del values["mass"]
        taken = picks(options)
        chief = form.metric if form.metric in taken else "acc"
        why = " ".join(
            f"{letter}:{option.logprob:.3f}" for letter, option in zip(ascii_uppercase, options, strict=False)
        )
        return self.graded(record, {chief: values[chief], **values}, why, self.named(record, taken[chief]))

    def named(self, record: Record, place: int) -> str:
        """Name an option as it was asked: by its text, or by its letter."""
        return str(record.meta["asked"][place]).strip()

    def judge(self, record: Record, reply: Reply, form: Form) -> Grade:
        """Look for an option in what was written."""
        letters = form.letters[: len(record.choices)]
        found = find_letter(reply.text, letters, record.choices, form.extract)
        if reply.cut and self.chat and found.how in WEAK:
            found = Found(None, "cut before it answered")
        right = found.letter is not None and letters.index(found.letter) in record.meta["answers"]
        why = f"{found.letter} by {found.how}" if found.letter else found.how
        return self.graded(record, {"acc": float(right)}, why, found.letter)

    def graded(self, record: Record, values: Mapping[str, float], why: str, extracted: str | None) -> Grade:
        """Make a grade, in the group and the cluster of its record; nothing extracted is a failure."""
        group, cluster = str(record.meta["subject"]), str(record.meta["cluster"])
        return Grade(record.id, values, why, extracted, extracted is None, group, cluster)
