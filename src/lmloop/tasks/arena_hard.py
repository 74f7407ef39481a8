"""Arena-Hard: hard prompts, each reply compared by a judge with that of a baseline (Li et al., 2024)."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from lmloop.core.errors import DataError
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric, Remark
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.judged import Case, Judged
from lmloop.scoring.judging import PAIR_EN, PAIR_ZH, Template, Verdict, both_orders, decide, template
from lmloop.scoring.tables import read_rows

BASELINE = "baseline"


class ArenaHard(Judged):
    """Answer 500 hard prompts of real users; a judge says whether a reply is better than a baseline's.

    ``baseline`` names the model whose answers lie in the data folder, ``model_answer/NAME.jsonl``. The judge sees each
    pair in both orders: a model wins that wins in both, all else is a tie. ``win`` is the share of wins, ties counted
    half; ``consistent`` the share of pairs on which the order made no difference.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("win", chance=0.5), Metric("consistent"))
    templates: ClassVar[tuple[Template, ...]] = (PAIR_EN, PAIR_ZH)
    source: ClassVar[Source] = Source(
        "arena_hard",
        "Apache-2.0",
        "https://github.com/lmarena/arena-hard-auto",
        {"test": ("arena-hard-v*/question.jsonl", "data/arena-hard-v*/question.jsonl", "question.jsonl")},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form("{prompt}", " {target}", by="writing", max_tokens=4096, metric="win")
    }

    chat: bool = Field(True, description="ask in turns; raw text makes no sense here")
    baseline: str = Field("gpt-4-0314", description="whose answers, in model_answer, replies are compared with")

    def place(self) -> Source:
        """Say where prompts and the baseline's answers are."""
        answers = tuple(f"{folder}model_answer/{self.baseline}.jsonl" for folder in ("*/", "data/*/", ""))
        return replace(self.source, splits={**self.source.splits, BASELINE: answers})

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read prompts; those of one topic are a group."""
        for row in read_rows(path):
            prompt = row["prompt"] if "prompt" in row else _text(row["turns"][0])
            name = str(row.get("question_id") or row.get("uid") or prompt)
            yield Item({"prompt": prompt}, group=str(row.get("category", "")), more={"name": name})

    def cases(self, record: Record, said: Sequence[str]) -> list[Case]:
        """Show each pair in both orders; A is the model."""
        question, answers = str(record.meta["question"]), self._baseline()
        other = answers.get(str(record.meta["name"])) or answers.get(question)
        if other is None:
            raise DataError(f"{self.baseline} has no answer to {record.meta['name']!r}", hint="it needs one a prompt")
        one = self.template(question)
        found: list[Case] = []
        for text in said:
            fields = {"question": question, "answer_a": text, "answer_b": other}
            found += [(one, order) for order in both_orders(fields)]
        return found

    def template(self, question: str) -> Template:
        """Judge in the language of the question."""
        return template("pair", question)

    def labelled(self, row: Mapping[str, Any]) -> tuple[Case, str]:
        """Read a row of people's labels: ``prompt``, ``answer_a``, ``answer_b``, and ``label``: A, B or C (a tie)."""
        fields = {"question": str(row["prompt"]), "answer_a": str(row["answer_a"]), "answer_b": str(row["answer_b"])}
        return (self.template(fields["question"]), fields), str(row["label"])

    def verdict(self, record: Record, found: Sequence[Sequence[Verdict]]) -> Grade:
        """Join both orders of each pair."""
        decisions = [decide(found[place], found[place + 1]) for place in range(0, len(found), 2)]
        scores = [decision.score for decision in decisions if decision.score is not None]
        if not scores:
            return self.unread(record, found)
        agreeing = [float(decision.consistent) for decision in decisions if decision.consistent is not None]
        values = {"win": sum(scores) / len(scores)}
        if agreeing:
            values["consistent"] = sum(agreeing) / len(agreeing)
        said = {1.0: "better", 0.0: "worse"}.get(values["win"], "a tie")
        return self.graded(record, values, said, decisions[0].reason)

    def missed(self) -> Mapping[str, float]:
        """A reply in which there is nothing to judge has lost."""
        return {"win": 0.0}

    def remarks(self, grades: Sequence[Grade]) -> list[Remark]:
        """Add how often the order of replies changed the verdict."""
        agreeing = [grade.values["consistent"] for grade in grades if "consistent" in grade.values]
        share = sum(agreeing) / len(agreeing) if agreeing else None
        told = Remark("The order of replies", ("pairs", "same verdict in both orders"), ((len(agreeing), share),))
        return [*super().remarks(grades), told]

    def protocol(self) -> dict[str, Any]:
        """Say how it asks and judges, the baseline's answers by their digest."""
        answers = json.dumps(self._baseline(), sort_keys=True).encode()
        return {**super().protocol(), "baseline": hashlib.blake2b(answers, digest_size=8).hexdigest()}

    def _baseline(self) -> dict[str, str]:
        found = {}
        for path in self.paths(BASELINE):
            try:
                for row in read_rows(path):
                    name = str(row.get("question_id") or row.get("uid") or row.get("prompt"))
                    found[name] = _text(row.get("answer") or row.get("choices") or row.get("messages"))
            except (ValueError, IndexError, AttributeError) as bad:
                raise DataError(f"{path} holds no answers of a model: {bad}", hint=f"see {self.source.home}") from None
        return found

    @classmethod
    def example(cls) -> "ArenaHard":
        """Give one with a judge that can be tried, if not trusted."""
        return cls.model_validate({"judge": "toy"})

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give two invented prompts."""
        rows = [
            {"question_id": "a", "category": "made", "turns": [{"content": "Sort [3, 1, 2]."}]},
            {"question_id": "b", "category": "made", "turns": [{"content": "证明1+1=2。"}]},
        ]
        known = [{"question_id": name, "choices": [{"turns": [{"content": "Yes."}]}]} for name in "ab"]
        files = {"question": rows, "model_answer/gpt-4-0314": known}
        return {
            f"arena_hard/arena-hard-v0.1/{name}.jsonl": "".join(json.dumps(row) + "\n" for row in lines).encode()
            for name, lines in files.items()
        }


def _text(given: Any) -> str:
    """Find the text in what upstream's files have: a text, a turn, a list of turns or of choices."""
    if isinstance(given, list):
        return _text(given[0])
    if isinstance(given, dict):
        given = next((given[name] for name in ("content", "answer", "turns", "text") if name in given), None)
        return _text(given)
    if not isinstance(given, str):
        raise ValueError(f"{given!r} where a text belongs")
    return given
