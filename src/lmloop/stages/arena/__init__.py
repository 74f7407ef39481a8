"""Arena: models ranked by battles of two, which people or a judge decided."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, cast

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from lmloop.core.asking import answer
from lmloop.core.draft import draft
from lmloop.core.engine.shards import read_records
from lmloop.core.errors import DataError
from lmloop.core.model import Model, Reply, Sampling, Writing
from lmloop.core.outside import OutsideFile
from lmloop.core.record import Record
from lmloop.core.replies import FILE as REPLIES
from lmloop.core.replies import fingerprint, kept_replies, remembered
from lmloop.core.scores import Asked, Score, Scores, Tested
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.core.task import Metric
from lmloop.core.weights import AnyModel, open_model
from lmloop.report import blocks
from lmloop.scoring.arena import Battle, Standings, connected, shares, standings
from lmloop.scoring.judging import PAIR_EN, PAIR_ZH, ask_judge, both_orders, decide, locked, template
from lmloop.scoring.written import after_thinking
from lmloop.stages.arena.battles import fought, question_of, read_table, voted

BATTLES = "battles.jsonl"
EXAMPLE = Path(__file__).with_name("example.csv")


class Arena(Step):
    """Rank models by battles: of a table, of votes that name their models, or of replies that a ``judge`` compares.

    ``battles`` is a table (model_a, model_b, winner, question), as FastChat writes it. Records that are preferences
    with two names in ``meta.models`` are battles (no answer is a tie). With a ``judge``, all ``models`` and weights
    that are read reply to the first ``prompts`` prompts of the records, and the judge compares each two replies (of up
    to ``max_tokens``) in both orders, ``repeats`` times; what it cannot decide is counted, and is no battle. Strengths
    are those of Bradley and Terry, shown as Elo, with intervals of 95 % from ``rounds`` bootstraps over prompts; with
    ``style``, length, lists and bold words are reckoned out. Every battle lies in ``battles.jsonl``.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("records", "weights")
    makes: ClassVar[Kind] = "scores"
    needs_input: ClassVar[bool] = False

    battles: OutsideFile | None = None
    models: dict[str, AnyModel] = {}
    judge: AnyModel | None = None
    prompts: PositiveInt = 100
    max_tokens: PositiveInt = 512
    repeats: PositiveInt = 1
    rounds: NonNegativeInt = Field(100, description="of the bootstrap")
    style: bool = False

    @model_validator(mode="after")
    def _judged(self) -> "Arena":
        if self.models and self.judge is None:
            raise ValueError("models fight before a judge: set judge, or leave models to the votes")
        return self

    @classmethod
    def example(cls) -> "Arena":
        """Give one with a small table of made-up battles."""
        return cls.model_validate({"battles": str(EXAMPLE)})

    def outside(self, base: Path, digest: Callable[[Path], str]) -> Any:
        """Tell models apart by what they hold."""
        return {name: fingerprint(cast(Model, model)) for name, model in self.models.items()} or None

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Collect battles and rank.

        Raises:
            DataError: there are none.
        """
        records = list(read_records(item.path for item in inputs if item.kind == "records"))
        if self.judge:
            with kept_replies(out.parent / REPLIES):
                fights, undecided = self._judge_all(inputs, records)
        else:
            fights, undecided = [voted(one) for one in records], 0
        battles = [fight for fight in fights if fight is not None]
        battles += read_table(self.battles.path) if self.battles else []
        if not battles:
            hint = "a vote names who said what: meta.models = ['one', 'other']; or let a judge decide"
            raise DataError("there is no battle in what was read", hint=hint)
        with draft(out / BATTLES) as place, place.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(_plain(battle), ensure_ascii=False) + "\n" for battle in battles)
        found = standings(battles, self.rounds, context.seed, self.style)
        self._scores(found, battles).write(out)
        blocks.write(out / BLOCKS, _show(found, battles, undecided, fights.count(None)))
        rated = {row.model: round(row.elo, 2) for row in found.rows}
        return {"battles": len(battles), "undecided": undecided, **rated}

    def _judge_all(self, inputs: Sequence[Artifact], records: Sequence[Record]) -> tuple[list[Battle | None], int]:
        """Let all models reply, and a judge compare each two replies to a prompt."""
        players = {item.id: open_model(item.path) for item in inputs if item.kind == "weights"}
        players |= {name: cast(Model, model) for name, model in self.models.items()}
        if len(players) < 2:
            raise DataError("an arena needs two models at least", hint='models = { one = "toy", other = "gguf:FILE" }')
        asked = [record for record in records if record.prompt][: self.prompts]
        sampling = Sampling(self.max_tokens)
        said = {
            name: answer(remembered(model), [Writing(record.prompt, sampling) for record in asked])
            for name, model in players.items()
        }
        fields, pairs = [], []
        for number, record in enumerate(asked):
            for one, other in combinations(said, 2):
                texts = [_text(said[name][number]) for name in (one, other)]
                if None not in texts:
                    question = question_of(record.prompt)
                    fields.append({"question": question, "answer_a": str(texts[0]), "answer_b": str(texts[1])})
                    pairs.append((record.id, one, other))
        cases = [(template("pair", one["question"]), order) for one in fields for order in both_orders(one)]
        verdicts = ask_judge(cast(Model, self.judge), cases, self.repeats)
        decided = [decide(verdicts[2 * place], verdicts[2 * place + 1]) for place in range(len(pairs))]
        fights = [fought(*three) for three in zip(pairs, fields, decided, strict=True)]
        return fights, sum(fight is None for fight in fights)

    def _scores(self, found: Standings, battles: Sequence[Battle]) -> Scores:
        """Say it as scores, in the form of an evaluation's: a leaderboard has them beside its table."""
        judge = self.judge and {"model": self.judge.identity(), "prompts": locked((PAIR_EN, PAIR_ZH))}
        protocol = {"benchmark": "arena", "version": self.version, "style": self.style, "judge": judge or "people"}
        metrics = (asdict(Metric("elo", chance=1000.0, most=None)),)
        data = {"questions": len({battle.prompt for battle in battles}), "digest": ""}
        rated = tuple(
            Score(row.model, "arena", "", "elo", row.elo, row.battles, row.battles, None, row.low, row.high)
            for row in found.rows
        )
        models = tuple(Tested(row.model, "", {}) for row in found.rows)
        return Scores(models, (Asked("arena", "arena", protocol, protocol, data, metrics),), rated)


def _text(reply: Reply) -> str | None:
    return None if reply.error else after_thinking(reply.text)


def _plain(battle: Battle) -> dict[str, Any]:
    return {"one": battle.one, "other": battle.other, "score": battle.score, "prompt": battle.prompt, **battle.style}


def _show(found: Standings, battles: Sequence[Battle], undecided: int, left: int) -> list[blocks.Block]:
    ranked = tuple(
        (
            f"{row.rank}" if row.best == row.worst else f"{row.best}–{row.worst}",
            row.model,
            round(row.elo) if row.bounded else None,
            round(row.low),
            round(row.high),
            row.battles,
            round(row.wins / row.battles, 4),
        )
        for row in found.rows
    )
    notes = ["Intervals of 95 %, of a bootstrap over prompts."]
    if not connected(battles):
        notes.append("Some models never met, not even through others: their Elo cannot be compared.")
    if any(not row.bounded for row in found.rows):
        notes.append("A model that only won, or only lost, has no Elo yet.")
    columns = ("rank", "model", "Elo", "from", "to", "battles", "won (ties half)")
    won, names = shares(battles), [row.model for row in found.rows]
    grid = tuple((one, *(_share(won, one, other) for other in names)) for one in names)
    figures = (
        blocks.Figure("models", len(names)),
        blocks.Figure("battles", len(battles)),
        blocks.Figure("undecided", undecided, caption="the judge's verdicts could not be read"),
        blocks.Figure("left out", left - undecided, caption="votes that do not say who fought"),
    )
    told: list[blocks.Block] = [
        blocks.Numbers("The arena", figures),
        blocks.Table("Standings", columns, ranked, " ".join(notes)),
        blocks.Table("Share of battles won against", ("", *names), grid, "The model of the row against the column's."),
    ]
    if found.style:
        effects = tuple((name, round(value, 4)) for name, value in found.style.items())
        told.append(
            blocks.Table("What style is worth", ("style", "log odds"), effects, "Reckoned out of the Elo above.")
        )
    return told


def _share(won: Mapping[tuple[str, str], tuple[float, int]], one: str, other: str) -> float | None:
    return round(won[one, other][0], 4) if (one, other) in won else None
