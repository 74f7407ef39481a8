"""IFEval: instructions whose following a program can verify (Zhou et al., 2023)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from lmloop.core.model import Reply
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.instructions import CHECKS, followed
from lmloop.scoring.tables import read_rows
from lmloop.scoring.writing import Sampled


class Ifeval(Sampled):
    """Do as told: 541 prompts with one to three instructions each, of 25 kinds that a program verifies.

    ``prompt_strict`` counts prompts all of whose instructions are followed, ``inst_strict`` the share of instructions
    of all prompts together (a prompt weighs as much as it has instructions); the loose ones overlook a first or last
    line and asterisks. The Open LLM Leaderboard v2 takes the mean of the two strict accuracies. Ask chat models with
    ``chat = true``.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("prompt_strict"),
        Metric("inst_strict"),
        Metric("prompt_loose"),
        Metric("inst_loose"),
    )
    source: ClassVar[Source] = Source(
        "ifeval",
        "Apache-2.0",
        "https://github.com/google-research/google-research/tree/master/instruction_following_eval",
        {"test": ("input_data.jsonl", "data/input_data.jsonl", "ifeval_input_data.jsonl")},
        hub="google/IFEval",
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form("{prompt}", " {target}", by="writing", max_tokens=1280, metric="prompt_strict")
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read prompts with their instructions; a setting that is null is not there."""
        for row in read_rows(path):
            kinds = list(row["instruction_id_list"])
            unknown = [kind for kind in kinds if kind not in CHECKS]
            if unknown:
                raise ValueError(f"unknown instruction {unknown[0]}")
            settings = [{name: value for name, value in given.items() if value is not None} for given in row["kwargs"]]
            if len(settings) != len(kinds):
                raise ValueError(f"{len(kinds)} instructions with {len(settings)} settings")
            yield Item({"prompt": row["prompt"]}, more={"kinds": kinds, "settings": settings})

    def mark(self, record: Record, reply: str) -> tuple[Mapping[str, float], str | None, str]:
        """Verify each instruction, strictly and loosely."""
        kinds = record.meta["kinds"]
        found = followed(kinds, record.meta["settings"], reply)
        strict, loose = [one for one, _ in found], [other for _, other in found]
        values = {
            "prompt_strict": float(all(strict)),
            "inst_strict": sum(strict) / len(found),
            "prompt_loose": float(all(loose)),
            "inst_loose": sum(loose) / len(found),
        }
        why = ", ".join(f"{kind} {_said(*each)}" for kind, each in zip(kinds, found, strict=True))
        return values, reply.strip() or None, why

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """Judge the reply; shares of instructions weigh as much as there are instructions."""
        count = float(len(record.meta["kinds"]))
        return replace(super().grade(record, said), weights={"inst_strict": count, "inst_loose": count})

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give two invented prompts."""
        rows = [
            {
                "key": 1,
                "prompt": "Describe a cat without any commas in at least five words.",
                "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
                "kwargs": [{}, {"relation": "at least", "num_words": 5}],
            },
            {
                "key": 2,
                "prompt": "用JSON回答。",
                "instruction_id_list": ["detectable_format:json_format"],
                "kwargs": [{}],
            },
        ]
        return {"ifeval/input_data.jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode()}


def _said(strict: bool, loose: bool) -> str:
    return "followed" if strict else "followed loosely" if loose else "not followed"
