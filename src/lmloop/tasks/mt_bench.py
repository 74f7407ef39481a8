"""MT-bench: eighty questions of two turns, graded by a judge (Zheng et al., 2023)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from lmloop.core.model import Reply, Request, Sampling, Writing
from lmloop.core.record import Record, Turn
from lmloop.core.task import Grade, Metric
from lmloop.scoring.benchmark import TEST
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.judged import Case, Judged
from lmloop.scoring.judging import GRADE_EN, GRADE_ZH, Template, Verdict, mean_grade, read_file, template
from lmloop.scoring.tables import read_rows

FREEDOM = {"writing": 0.7, "roleplay": 0.7, "stem": 0.1, "humanities": 0.1}
"""The temperature of each category as FastChat sets it; 0 for all others."""


class MtBench(Judged):
    """Answer two questions, of which the second follows up on the first; a judge grades each turn from 1 to 10.

    Profiles: ``official`` judges with MT-bench's own prompts (``judge_prompts.jsonl`` in the data folder) and its
    reference answers for mathematics, reasoning and coding; ``own`` with lmloop's, in the question's language.
    ``score`` is the mean of both turns. Where only one turn's verdict could be read, only that turn has a grade.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("score", chance=1.0, least=1.0, most=10.0),
        Metric("turn_1", chance=1.0, least=1.0, most=10.0),
        Metric("turn_2", chance=1.0, least=1.0, most=10.0),
    )
    templates: ClassVar[tuple[Template, ...]] = (GRADE_EN, GRADE_ZH)
    source: ClassVar[Source] = Source(
        "mt_bench",
        "Apache-2.0",
        "https://github.com/lm-sys/FastChat/tree/main/fastchat/llm_judge",
        {"test": ("mt_bench/question.jsonl", "data/mt_bench/question.jsonl", "question.jsonl")},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        name: Form("{turn_1}", " {target}", by="writing", max_tokens=1024, metric="score")
        for name in ("official", "own")
    }

    chat: bool = Field(True, description="ask in turns; raw text makes no sense here")

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read questions, with the reference answers that lie beside them."""
        known = _references(path.parent / "reference_answer")
        for row in read_rows(path):
            first, second = row["turns"][:2]
            more = {"turns": [first, second], "references": known.get(row["question_id"], [])}
            yield Item({"turn_1": first, "turn_2": second}, group=row["category"], more=more)

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        """Ask the first question, then the second with the first reply before it."""
        if len(said) == 2 or (said and said[0].error):
            return []
        turns = [Turn("user", record.meta["turns"][0])]
        if said:
            turns += [Turn("assistant", said[0].text), Turn("user", record.meta["turns"][1])]
        return [Writing(tuple(turns), self.sampling(record, 0))]

    def sampling(self, record: Record, number: int) -> Sampling:
        """Draw as freely as the category wants it."""
        free = self.temperature or FREEDOM.get(str(record.meta["subject"]), 0.0)
        return replace(super().sampling(record, number), temperature=free)

    def cases(self, record: Record, said: Sequence[str]) -> list[Case]:
        """Ask for a grade of each turn, the second one with the whole conversation."""
        turns, known = record.meta["turns"], record.meta["references"]
        return [self._case(turns[: number + 1], said[: number + 1], known[: number + 1]) for number in range(len(said))]

    def template(self, question: str) -> Template:
        """Give the template for a single turn without a reference."""
        return self._templates().get("single-v1") or template("grade", question)

    def verdict(self, record: Record, found: Sequence[Sequence[Verdict]]) -> Grade:
        """Take the mean over repeats, and over turns."""
        grades = {f"turn_{number}": mean_grade(verdicts) for number, verdicts in enumerate(found, 1)}
        values = {name: grade for name, grade in grades.items() if grade is not None}
        if not values:
            return self.unread(record, found)
        why = "\n---\n".join(verdicts[0].reason for verdicts in found)
        mean = sum(values.values()) / len(values)
        return self.graded(record, {"score": mean, **values}, f"{mean:g}", why)

    def missed(self) -> Mapping[str, float]:
        """Give the least grade to a reply in which there is nothing to judge."""
        return dict.fromkeys(("score", "turn_1", "turn_2"), 1.0)

    def asked_of_judge(self) -> tuple[Template, ...]:
        """List the templates that the judge may be asked with."""
        return tuple(self._templates().values()) or self.templates

    def _templates(self) -> dict[str, Template]:
        if self.profile == "own":
            return {}
        folder = self.paths(TEST)[0].parent
        places = [folder / "judge_prompts.jsonl", folder.parent / "judge_prompts.jsonl"]
        return next((_read_templates(str(place)) for place in places if place.is_file()), {})

    def _case(self, turns: Sequence[str], said: Sequence[str], known: Sequence[str]) -> Case:
        name = f"single-{'math-' if known else ''}v1{'-multi-turn' if len(turns) > 1 else ''}"
        if found := self._templates().get(name):
            numbered: dict[str, str] = {}
            for number, (turn, reply) in enumerate(zip(turns, said, strict=True), 1):
                numbered |= {f"question_{number}": turn, f"answer_{number}": reply}
            numbered |= {f"ref_answer_{number}": text for number, text in enumerate(known, 1)}
            return found, {"question": turns[0], "answer": said[0], **numbered}
        before = "".join(f"{turn}\n\n{reply}\n\n" for turn, reply in zip(turns[:-1], said[:-1], strict=True))
        fields = {"question": before + turns[-1], "answer": said[-1], "reference": known[-1] if known else ""}
        return template("grade", turns[-1]), fields

    @classmethod
    def example(cls) -> "MtBench":
        """Give one with a judge that can be tried, if not trusted."""
        return cls.model_validate({"judge": "toy"})

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give two invented questions."""
        rows = [
            {"question_id": 1, "category": "math", "turns": ["What is 2 + 2?", "And twice that?"]},
            {"question_id": 2, "category": "writing", "turns": ["写一首关于猫的诗。", "再短一点。"]},
        ]
        known = {"question_id": 1, "choices": [{"turns": ["4", "8"]}]}
        return {
            "mt_bench/mt_bench/question.jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode(),
            "mt_bench/mt_bench/reference_answer/gpt-4.jsonl": json.dumps(known).encode(),
        }


def _references(folder: Path) -> dict[Any, list[str]]:
    """Read reference answers; a turn without one ends the list."""
    found: dict[Any, list[str]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for row in read_rows(path):
            found.setdefault(row["question_id"], [str(text) for text in row["choices"][0]["turns"]])
    return found


@cache
def _read_templates(path: str) -> dict[str, Template]:
    return {name: one for name, one in read_file(list(read_rows(Path(path)))).items() if one.kind == "grade"}
