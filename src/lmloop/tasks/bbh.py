"""BIG-Bench Hard: 27 tasks that models found hard, with worked examples (Suzgun et al., 2022)."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from string import ascii_uppercase
from typing import ClassVar

from lmloop.core.errors import DataError
from lmloop.core.model import Reply
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric
from lmloop.scoring.benchmark import TEST, digest_of
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_json, read_text
from lmloop.scoring.written import after_thinking

STEPS = "Let's think step by step."
EXAMPLE = re.compile(r"Q: (?P<input>.*?)\nA: Let's think step by step\.\s*(?P<steps>.*?)\s*(?=\n\nQ: |\Z)", re.DOTALL)
LESS_ONE = re.compile(r"(?<=the answer is )(.*)(?=.)")
ANSWER = re.compile(r"the answer is\s*(?P<answer>[^\n]*)", re.IGNORECASE)

WORDS: Mapping[str, tuple[str, ...]] = {
    "boolean_expressions": ("False", "True"),
    "causal_judgement": ("Yes", "No"),
    "formal_fallacies": ("valid", "invalid"),
    "navigate": ("Yes", "No"),
    "object_counting": tuple(map(str, range(19))),
    "sports_understanding": ("yes", "no"),
    "web_of_lies": ("Yes", "No"),
}
LETTERS: Mapping[str, int] = {
    "date_understanding": 6,
    "disambiguation_qa": 3,
    "geometric_shapes": 11,
    "hyperbaton": 2,
    "logical_deduction_five_objects": 5,
    "logical_deduction_seven_objects": 7,
    "logical_deduction_three_objects": 3,
    "movie_recommendation": 6,
    "penguins_in_a_table": 5,
    "reasoning_about_colored_objects": 18,
    "ruin_names": 6,
    "salient_translation_error_detection": 6,
    "snarks": 2,
    "temporal_sequences": 4,
    "tracking_shuffled_objects_five_objects": 5,
    "tracking_shuffled_objects_seven_objects": 7,
    "tracking_shuffled_objects_three_objects": 3,
}
"""The answers that the Open LLM Leaderboard v2 compares, in its order: 24 of the 27 tasks have such a list."""


class Bbh(Choice):
    """Solve 27 tasks of reasoning after three worked examples each.

    Profiles: ``official`` shows the examples with their steps and reads what the reply says ``the answer is``;
    ``official-direct`` shows them without; ``lm-eval`` is ``official`` with that harness's line end, its stops (any
    capital Q ends a reply) and its search, which leaves out the last sign of the line, a full stop or not;
    ``leaderboard-v2`` compares the likelihoods of a task's answers (24 tasks) by their length (``acc_norm``). The
    tasks of one kind in two or three sizes are tasks of their own, as published; their names are the subjects.
    """

    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    source: ClassVar[Source] = Source(
        "bbh",
        "MIT",
        "https://github.com/suzgunmirac/BIG-Bench-Hard",
        {"test": ("bbh/*.json", "*/bbh/*.json")},
        published={"9fb26f1c7387f674": "6,511 items of 27 tasks"},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form(
            "Q: {question}\nA: " + STEPS,
            "\n{steps}",
            header="{instruction}\n\n",
            shots=3,
            by="writing",
            stop=("\n\nQ:",),
            max_tokens=1024,
            extract="the-answer-is",
        ),
        "official-direct": Form(
            "Q: {question}\nA:",
            " {target}",
            header="{instruction}\n\n",
            shots=3,
            by="writing",
            stop=("\n\n",),
            max_tokens=64,
            extract="whole",
        ),
        "lm-eval": Form(
            "Q: {question}\nA: " + STEPS + "\n",
            "{steps}",
            header="{instruction}\n\n",
            shots=3,
            by="writing",
            stop=("</s>", "Q", "\n\n"),
            system=True,
            max_tokens=1024,
            extract="the-answer-is-less-one",
        ),
        "leaderboard-v2": Form(
            "Q: {question}\nA:", " {choice}", header="{instruction}", shots=3, metric="acc_norm", system=True
        ),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read the items of a task; its name is that of the file."""
        instruction, _ = _taught(path)
        for row in read_json(path)["examples"]:
            yield _item(path.stem, instruction, row["input"], row["target"])

    def pool(self, group: str) -> list[Item]:
        """Give the three worked examples of a task, from the folder ``cot-prompts`` beside the items."""
        path = next(path for path in self.paths(TEST) if path.stem == group)
        instruction, examples = _taught(path)
        return [_item(group, instruction, *example) for example in examples]

    def shares_pool(self) -> bool:
        """Say that the worked examples are no items of the test."""
        return False

    def digest(self, split: str) -> str:
        """Digest the items, or all worked examples."""
        if split == TEST:
            return super().digest(split)
        groups = dict.fromkeys(item.group for item in self.items(TEST))
        return digest_of([item for group in groups for item in self.pool(group)])

    def questions(self) -> Iterator[Record]:
        """Put each item into its form; by likelihood, only those of tasks that have a list of answers."""
        listed = self.form().by == "writing"
        return (record for record in super().questions() if listed or record.choices)

    def judge(self, record: Record, reply: Reply, form: Form) -> Grade:
        """Compare what the reply says the answer is with the right one."""
        found = _found(reply.text, form.extract)
        target = str(record.meta["target"])
        right = found is not None and (found == target or found == target.strip("()"))
        why = f"{found!r}, and {target!r} is right" if found is not None else "it does not say what the answer is"
        return self.graded(record, {"acc": float(right)}, why, found)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a task of invented items, with its worked examples."""
        rows = [{"input": f"not ( True ) and {n} is", "target": "False"} for n in range(4)]
        example = "Q: not True is\nA: Let's think step by step.\nNot True is False. So the answer is False."
        taught = "canary\n-----\nWork it out.\n\n" + "\n\n".join([example] * 3)
        return {
            "bbh/bbh/boolean_expressions.json": json.dumps({"canary": "", "examples": rows}).encode(),
            "bbh/cot-prompts/boolean_expressions.txt": taught.encode(),
        }


def _item(task: str, instruction: str, asked: str, target: str, steps: str = "") -> Item:
    choices = WORDS.get(task, tuple(f"({letter})" for letter in ascii_uppercase[: LETTERS.get(task, 0)]))
    fields = {"question": asked, "instruction": instruction, "steps": steps}
    answer = choices.index(target) if target in choices else None
    return Item(fields, choices, answer, target, group=task, more={"target": target})


@lru_cache(maxsize=64)
def _taught(path: Path) -> tuple[str, list[tuple[str, str, str]]]:
    """Read what stands before the items of a task: its instruction, and questions with their answers and steps."""
    text = read_text(path.parents[1] / "cot-prompts" / f"{path.stem}.txt").partition("-----\n")[2]
    instruction, _, rest = text.partition("\n\nQ: ")
    examples = []
    for found in EXAMPLE.finditer(f"Q: {rest.rstrip()}"):
        answers = ANSWER.findall(found["steps"])
        if not answers:
            raise DataError(f"{path.stem}: a worked example does not say what the answer is")
        examples.append((found["input"], answers[-1].strip().removesuffix("."), found["steps"]))
    return instruction, examples


def _found(reply: str, extract: str) -> str | None:
    said = after_thinking(reply)
    if said is None:
        return None
    if extract == "whole":
        return said.strip().split("\n")[0].rstrip(". ") or None
    if extract == "the-answer-is-less-one":
        less = LESS_ONE.search(said)
        return less[0] if less is not None else None
    found = ANSWER.findall(said)
    return found[-1].strip().strip("*$").rstrip(".").strip("*").strip() if found else None
