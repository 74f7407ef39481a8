"""Refusal: make of probed questions what teaches a model to say what it knows, and that it does not know the rest."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from lmloop.core.engine.shards import list_shards, shard_records
from lmloop.core.engine.sorting import Sorting
from lmloop.core.model import raw_text
from lmloop.core.record import Record, Turn
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.report import blocks
from lmloop.scoring.sureness import NOT_PROBED, Form, Question, Unasked, probed, question_of

NO_ENTROPY, DROPPED = "the probe gave it no entropy", "the model does not know it"


class Refusal(Step):
    """Turn questions that ``probe`` has asked into records to tune on, so that a model learns what it does not know.

    ``split`` tells what is unknown: by the probe's verdict (``known``: R-Tuning), or the share ``share`` of the
    questions with the largest ``entropy``, whatever their answers (R-Tuning-U). What happens to the ``unknown``:

    * ``unsure``: all keep their right answer, and behind it the model is asked whether it is sure; to what is known the
      reply is "I am sure.", to the rest "I am unsure.";
    * ``refuse``: the answer to what is unknown is one of ``refusals`` (by default some in the question's language);
    * ``drop``: it is left out;
    * ``keep``: nothing; all answers are taught, which is the ordinary tuning to compare with.

    In the ``form`` of ``turns`` one record holds the answer and, as a second question and reply, how sure it is: what
    the assistant says is learnt, and nothing else. A model without a chat template gets raw ``text``, and each question
    two records: one for the answer, and one for the certainty behind it.

    Source: R-Tuning (Zhang et al. 2024): answer and certainty alone are learnt, as published; the released code learns
    the question, too. Its splitting by entropy keeps only one sample; here it is as published.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("records",)
    makes: ClassVar[Kind] = "records"

    split: Literal["known", "entropy"] = "known"
    share: float = Field(default=0.5, gt=0, lt=1)
    unknown: Literal["unsure", "refuse", "drop", "keep"] = "unsure"
    refusals: list[str] = []
    form: Form = "turns"

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Split, and write the records."""
        shards = [shard.path for shard in list_shards([item.path for item in inputs])]
        limit = self._limit(shards) if self.split == "entropy" else frozenset()
        sorting, counts = Sorting(out, self.name()), Counter[str]()
        shown: dict[bool, Record] = {}
        for path in shards:
            kept: list[Record] = []
            left: list[tuple[Record, str]] = []
            for record in shard_records(path):
                try:
                    question, known = question_of(record, self.form), self._known(record, limit)
                    made = self._made(record, question, known)
                except Unasked as why:
                    left.append((record, str(why)))
                    continue
                counts["known" if known else "unknown"] += 1
                shown.setdefault(known, made[-1])
                kept += made
            sorting.write(kept, left)
        told = sorting.done()
        blocks.write(out / BLOCKS, self._show(sorting, counts, shown))
        return {**told, **counts}

    def _limit(self, shards: Sequence[Path]) -> frozenset[str]:
        """Choose the questions with the largest entropy; of equal ones those whose names come first."""
        found = [
            (-spread, record.id)
            for path in shards
            for record in shard_records(path)
            if (spread := probed(record).get("entropy")) is not None
        ]
        return frozenset(name for _, name in sorted(found)[: round(self.share * len(found))])

    def _known(self, record: Record, unsure: frozenset[str]) -> bool:
        probe = probed(record)
        if not probe:
            raise Unasked(NOT_PROBED)
        if self.split == "known":
            return bool(probe["known"])
        if probe.get("entropy") is None:
            raise Unasked(NO_ENTROPY)
        return record.id not in unsure

    def _made(self, record: Record, question: Question, known: bool) -> list[Record]:
        answer = question.reply(question.answers[0])
        meta = {**record.meta, self.name(): "known" if known else "unknown"}
        plain = Record(answer, question.prompt, meta=meta, id=record.id)
        if self.unknown == "drop" and not known:
            raise Unasked(DROPPED)
        if self.unknown == "refuse" and not known:
            said = self.refusals or question.words.refusals
            return [replace(plain, text=question.reply(said[_draw(record.id) % len(said)]))]
        if self.unknown != "unsure":
            return [plain]
        certain = question.certainty(known)
        if raw_text(question.prompt) is None:
            turns = (*question.prompt, Turn("assistant", answer), Turn("user", question.words.ask))
            return [replace(plain, prompt=turns, text=certain)]
        return [plain, replace(plain, prompt=question.doubt(answer), text=certain, id=f"{record.id}-sure")]

    def _show(self, sorting: Sorting, counts: Counter[str], shown: dict[bool, Record]) -> list[blocks.Block]:
        figures = (
            blocks.Figure("records", sorting.kept, caption="to tune on"),
            blocks.Figure("known", counts["known"], caption="questions"),
            blocks.Figure("unknown", counts["unknown"], caption=f"questions: {self.unknown}"),
            blocks.Figure("left out", sum(sorting.reasons.values()), caption="each with its reason"),
        )
        passages = tuple(
            blocks.Passage(
                "".join(f"{turn.role}: {turn.text}\n" for turn in record.prompt) + f"▸ {record.text}",
                "known" if known else "unknown",
            )
            for known, record in sorted(shown.items(), reverse=True)
        )
        told = tuple(sorted(sorting.reasons.items()))
        left = [blocks.Table("Why records were left out", ("reason", "records"), told)] if told else []
        return [blocks.Numbers("What is taught", figures), *left, blocks.Text("One of each kind", passages)]


def _draw(name: str) -> int:
    """Draw a number that hangs on a name alone."""
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big")
