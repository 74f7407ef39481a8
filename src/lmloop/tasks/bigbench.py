"""BIG-bench: any of its JSON tasks, by choice or by writing (Srivastava et al., 2022)."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from pydantic import Field

from lmloop.core.model import Generates, Reply, Request, Sampling, Scores, Scoring, Writing
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric
from lmloop.scoring.benchmark import Benchmark
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.likelihood import best
from lmloop.scoring.rouge import rouge
from lmloop.scoring.tables import read_json

CHOICE, EXACT = "multiple_choice_grade", "exact_str_match"
LITE = (
    "auto_debugging",
    "bbq_lite_json",
    "code_line_description",
    "conceptual_combinations",
    "conlang_translation",
    "emoji_movie",
    "formal_fallacies_syllogisms_negation",
    "hindu_knowledge",
    "known_unknowns",
    "language_identification",
    "linguistics_puzzles",
    "logic_grid_puzzle",
    "logical_deduction",
    "misconceptions_russian",
    "novel_concepts",
    "operators",
    "parsinlu_reading_comprehension",
    "play_dialog_same_or_different",
    "repeat_copy_logic",
    "strange_stories",
    "strategyqa",
    "symbol_interpretation",
    "vitaminc_fact_verification",
    "winowhy",
)
"""The 24 tasks of BIG-bench Lite."""


class Bigbench(Benchmark):
    """Ask the tasks of BIG-bench that are a ``task.json``: by default the 24 of BIG-bench Lite.

    ``tasks`` names folders of tasks, or ``*`` for all that are there; a task of several parts counts each part as a
    subject. What a task prefers decides how it is asked: choices by their likelihood (``multiple_choice_grade``, the
    value of the likeliest), or a reply that must equal a target (``exact_str_match``) or share its words
    (``rougeLsum``, of whole texts). Prefixes, separators, the search in a reply and stops are the task's own, with
    BIG-bench's defaults. Choices are listed in an order drawn by ``seed``. ``score`` is the preferred value and
    ``chance`` what guessing would give: a task's normalised score is 100 (score - chance) / (1 - chance) of its means.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("score", most=None),
        Metric("chance"),
        Metric(CHOICE),
        Metric(EXACT),
        Metric("rougeLsum"),
    )
    source: ClassVar[Source] = Source(
        "bigbench",
        "Apache-2.0",
        "https://github.com/google/BIG-bench",
        {"test": ("bigbench/benchmark_tasks/**/task.json", "benchmark_tasks/**/task.json", "bigbench_lite/**/*.json")},
        published={"a58e05a98cea2024": "Lite, at most 250 items of each larger part"},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form(
            "{before}{question}{listed}{behind}", "{target}", header="{prefix}", after="{between}", pick="each"
        ),
    }

    tasks: list[str] = Field(list(LITE), description="the tasks; * for all")

    def paths(self, split: str) -> list[Path]:
        """Find the files of the chosen tasks."""
        return [path for path in super().paths(split) if "*" in self.tasks or _names(path) & set(self.tasks)]

    def reading(self) -> dict[str, Any]:
        """Name what choices are drawn by."""
        return {"seed": self.seed}

    def powers(self) -> tuple[type, ...]:
        """Name what the chosen tasks need of a model."""
        kinds = {bool(item.choices) for item in self.items("test")}
        return tuple(power for power, wanted in ((Scores, True), (Generates, False)) if wanted in kinds)

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read a task; its name is that of its folders."""
        task = read_json(path)
        name, draw = _name(path), Random(self.seed)
        metrics = [str(metric) for metric in task.get("metrics", [])]
        preferred = task.get("preferred_score") or (metrics or [EXACT])[0]
        listing = str(task.get("append_choices_to_input", True)).lower() != "false"
        for row in task["examples"]:
            scores = row.get("target_scores") or {}
            by_choice = bool(scores) and (preferred == CHOICE or "target" not in row)
            fields = {
                "prefix": task.get("task_prefix", ""),
                "before": task.get("example_input_prefix", "\nQ: "),
                "behind": task.get("example_output_prefix", "\nA: "),
                "between": task.get("few_shot_example_separator", "\n"),
                "question": row["input"],
                "listed": _listing(task, list(scores), draw) if scores and listing else "",
            }
            more = {
                "scores": list(scores.values()) if by_choice else [],
                "targets": _targets(row, scores),
                "preferred": CHOICE if by_choice else preferred,
                "regex": task.get("output_regex"),
                "stop": task.get("stop_string"),
            }
            choices = tuple(scores) if by_choice else ()
            answer = best(list(scores.values())) if by_choice else None
            yield Item(fields, choices, answer, more["targets"][0], name, more=more)

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        """Ask how likely each choice is, or for a reply."""
        if said:
            return []
        if record.choices:
            return [Scoring(record.prompt, choice) for choice in record.choices]
        stop = record.meta["stop"]
        stops = tuple([stop] if isinstance(stop, str) else stop or ())
        return [Writing(record.prompt, Sampling(64, stop=stops, seed=self.seed))]

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """Give the preferred value of an item, and what guessing would give."""
        group = str(record.meta["subject"])
        if lost := next((reply.error for reply in said if reply.error), ""):
            return Grade(record.id, {}, lost, failed=True, group=group)
        if record.choices:
            pick = best([reply.logprob if reply.logprob is not None else float("-inf") for reply in said])
            value = float(record.meta["scores"][pick])
            chance = sum(record.meta["scores"]) / len(record.meta["scores"])
            values = {CHOICE: value}
            found = record.choices[pick]
        else:
            found, chance = _found(said[0].text, record.meta["regex"]), 0.0
            targets = record.meta["targets"]
            values = {
                EXACT: float(any(found == target.strip() for target in targets)),
                "rougeLsum": max(rouge(found, target)["rougeL"] for target in targets),
            }
            value = values.get(record.meta["preferred"], values[EXACT])
        return Grade(record.id, {"score": value, "chance": chance, **values}, "", found, group=group)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a task of choices and one to write, of invented items."""
        choices = [{"input": f"Is {n} a number?", "target_scores": {"Yes": 1, "No": 0}} for n in range(3)]
        written = [{"input": f"{n} plus 1", "target": str(n + 1)} for n in range(3)]
        tasks = {
            "strategyqa": {"metrics": [CHOICE], "preferred_score": CHOICE, "examples": choices},
            "operators": {"metrics": [EXACT], "preferred_score": EXACT, "stop_string": "\n", "examples": written},
        }
        folder = "bigbench/bigbench/benchmark_tasks"
        return {f"{folder}/{name}/task.json": json.dumps(task).encode() for name, task in tasks.items()}


def _listing(task: Mapping[str, Any], choices: list[str], draw: Random) -> str:
    before = str(task.get("choice_prefix", "\n  choice: "))
    return "".join(before + choice for choice in draw.sample(sorted(choices), len(choices)))


def _targets(row: Mapping[str, Any], scores: Mapping[str, float]) -> list[str]:
    target = row.get("target", max(scores, key=lambda text: scores[text]) if scores else "")
    return [str(one) for one in (target if isinstance(target, list) else [target])]


def _found(reply: str, pattern: str | None) -> str:
    if pattern and (found := re.search(pattern, reply)):
        return str(found[1] if found.groups() else found[0]).strip()
    return reply.strip()


def _name(path: Path) -> str:
    """Name a task by its folders: ``strategyqa``, or ``logical_deduction/five_objects``."""
    parts = path.with_suffix("").parts
    start = max((place for place, part in enumerate(parts) if part in ("benchmark_tasks", "bigbench_lite")), default=-2)
    return "/".join(part for part in parts[start + 1 :] if part != "task")


def _names(path: Path) -> set[str]:
    name = _name(path)
    return {name, name.partition("/")[0]}
