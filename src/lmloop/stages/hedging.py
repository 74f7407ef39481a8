"""Hedging: make of probed questions preferences between saying it, hedging it, and saying nothing."""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from lmloop.core.engine.shards import list_shards, shard_records
from lmloop.core.engine.sorting import Sorting
from lmloop.core.record import Record
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.report import blocks
from lmloop.scoring.honesty import ORDER, Outcome, Rewards, hedged
from lmloop.scoring.sureness import NOT_PROBED, Form, Question, Unasked, plain, probed, question_of

NO_PAIR = "all that could be said is worth the same"
DIGITS = 4


class Hedging(Step):
    """Turn questions that ``probe`` has asked into preferences, for ``dpo`` and its kin.

    What the model said to a question, greedily and in samples, is right or wrong; each answer is put as it is and
    hedged, and silence stands beside. What each is worth: ``right``, ``hedged_right``, ``silent``, ``hedged_wrong`` and
    ``wrong``. The report prints from which chance of being right each way pays, and warns of one that never does: with
    the numbers that these are by default, hedging is never worth most.

    ``by`` the ``outcome``, each answer is worth what came of it; by the ``expected`` worth, what it is worth on average
    if the model is right as often as in its samples, so that the model learns where to draw the line. ``pairs`` are the
    ``best`` reply with each other one, ``neighbours`` in the order of their worth, or ``all``. At most ``answers``
    different answers to a question are taken. ``form`` is that of the probe.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("records",)
    makes: ClassVar[Kind] = "records"

    right: float = 1.0
    hedged_right: float = 0.5
    silent: float = 0.0
    hedged_wrong: float = -2.0
    wrong: float = -4.0
    by: Literal["outcome", "expected"] = "outcome"
    pairs: Literal["best", "neighbours", "all"] = "best"
    answers: int = Field(default=3, ge=1)
    form: Form = "turns"

    def rewards(self) -> Rewards:
        """Give the table."""
        return Rewards(self.right, self.hedged_right, self.silent, self.hedged_wrong, self.wrong)

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Write the preferences, and say what the rewards mean."""
        sorting, better = Sorting(out, self.name()), dict.fromkeys(ORDER, 0)
        for shard in list_shards([item.path for item in inputs]):
            kept: list[Record] = []
            left: list[tuple[Record, str]] = []
            for record in shard_records(shard.path):
                try:
                    made = list(self._pairs(record, question_of(record, self.form)))
                except Unasked as why:
                    left.append((record, str(why)))
                    continue
                kept += made
                for each in made:
                    better[each.meta[self.name()]["better"]] += 1
            sorting.write(kept, left)
        told = sorting.done()
        shown: list[blocks.Block] = [_meaning(self.rewards()), _table(self.rewards()), _counts(sorting, better)]
        blocks.write(out / BLOCKS, shown)
        rewards = self.rewards()
        evens = {f"break-even/{one} or {other}": at for (one, other), at in rewards.break_evens().items()}
        never = {"never best": ", ".join(rewards.dominated()) or "none"}
        return {**told, **never, **{name: round(at, DIGITS) for name, at in evens.items() if at is not None}}

    def _pairs(self, record: Record, question: Question) -> Iterator[Record]:
        """Pair what could be said, the better first by turns."""
        found = sorted(self._replies(record, question), key=lambda each: -each[2])
        if self.pairs == "best":
            chosen = [(found[0], other) for other in found[1:]]
        else:
            near = self.pairs == "neighbours"
            chosen = list(pairwise(found)) if near else list(combinations(found, 2))
        count = 0
        for (said, kind, worth), (other, lesser, less) in chosen:
            if worth <= less:
                continue
            meta = {
                **record.meta,
                self.name(): {"better": kind, "worse": lesser, "margin": round(worth - less, DIGITS)},
            }
            choices, answer = ((said, other), 0) if count % 2 == 0 else ((other, said), 1)
            yield Record("", question.prompt, choices, answer, meta, f"{record.id}-{count}")
            count += 1
        if not count:
            raise Unasked(NO_PAIR)

    def _replies(self, record: Record, question: Question) -> list[tuple[str, Outcome, float]]:
        """List what could be said: the text, what comes of it, and what that is worth."""
        probe = probed(record)
        if not probe:
            raise Unasked(NOT_PROBED)
        said: dict[str, tuple[str, bool]] = {}
        for each in ({"said": probe["said"], "right": probe["right"]}, *probe["samples"]):
            if each["said"].strip():
                said.setdefault(plain(each["said"]), (each["said"], bool(each["right"])))
        drawn = [plain(each["said"]) for each in probe["samples"]]
        rewards = self.rewards()
        found: list[tuple[str, Outcome, float]] = []
        for name, (text, right) in list(said.items())[: self.answers]:
            chance = float(right)
            if self.by == "expected" and drawn:
                chance = sum(other == name for other in drawn) / len(drawn)
            worth = rewards.expected(chance)
            found.append((question.reply(text), "right" if right else "wrong", worth["answer"]))
            kind: Outcome = "hedged_right" if right else "hedged_wrong"
            found.append((question.reply(hedged(text)), kind, worth["hedge"]))
        return [*found, (question.reply(question.words.refusals[0]), "silent", rewards.silent)]


def _meaning(rewards: Rewards) -> blocks.Numbers:
    evens = rewards.break_evens()
    figures = tuple(
        blocks.Figure(f"{one} or {other}", "never" if at is None else round(at, DIGITS), caption="are worth the same")
        for (one, other), at in evens.items()
    )
    told = "; ".join(f"{way} from {low:.3g} to {high:.3g}" for low, high, way in rewards.stretches())
    note = f"Worth most, by the chance of being right: {told}."
    if never := rewards.dominated():
        note += f" Never worth most: {', '.join(never)}. Who knows the chances never replies so."
    if not rewards.falls():
        note += " The rewards do not fall from right over silent to wrong."
    return blocks.Numbers("From which chance of being right it pays", figures, note)


def _table(rewards: Rewards) -> blocks.Curve:
    chances = tuple(place / 20 for place in range(21))
    lines = tuple(
        blocks.Line(way, chances, tuple(round(rewards.expected(chance)[way], DIGITS) for chance in chances))
        for way in ("answer", "hedge", "silence")
    )
    return blocks.Curve("What each way to reply is worth", lines, "chance of being right", "expected reward")


def _counts(sorting: Sorting, better: dict[Outcome, int]) -> blocks.Table:
    rows: Sequence[tuple[str, int]] = [*better.items(), *sorted(sorting.reasons.items())]
    return blocks.Table("Which reply was the better one, and what was left out", ("", "pairs"), tuple(rows))
