"""Tasks as rewards: their questions as prompts, and their grades of what is written behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lmloop.core.errors import RecipeError
from lmloop.core.model import Prompt, Reply, Writing
from lmloop.core.part import build
from lmloop.core.record import Record, Turn
from lmloop.core.task import Task
from lmloop.kernels.order import shuffled
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.chat import Template
from lmloop.nn.goals.settings import Grpo
from lmloop.stages.finetune.encoding import Encoder, Unfit

if TYPE_CHECKING:
    from lmloop.nn.inference.generation import Written


@dataclass(frozen=True)
class Asked:
    """All questions: the number of its task, its record, and the ids of its prompt; ``each`` are asked in a step.

    ``held`` are the numbers of those to measure with, by task: they are never learnt from. ``left`` are those that
    cannot be asked, each with the reason.
    """

    tasks: Sequence[Task]
    questions: Sequence[tuple[int, Record, list[int]]]
    tokenizer: Tokenizer

    each: int
    seed: int
    left: Sequence[tuple[Record, str]] = ()
    held: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @cached_property
    def learnt(self) -> list[int]:
        """The numbers of those that are learnt from."""
        held = {number for numbers in self.held.values() for number in numbers}
        return [number for number in range(len(self.questions)) if number not in held]

    def chosen(self, step: int) -> list[int]:
        """Choose a step's questions: every one once, before any comes again."""
        count = len(self.learnt)
        places = np.arange(step * self.each, (step + 1) * self.each, dtype=np.int64)
        turns = places // count
        parts = [shuffled(places[turns == turn] % count, count, f"{self.seed}/{turn}") for turn in np.unique(turns)]
        return [self.learnt[place] for place in np.concatenate(parts).tolist()]

    @cached_property
    def prompts(self) -> list[tuple[int, Sequence[int]]]:
        """The tasks' numbers and ids of all prompts."""
        return [(number, ids) for number, _, ids in self.questions]

    def grade(self, number: int, written: "Sequence[Written]") -> list[float]:
        """Give the rewards of replies to a question: the task's own first metric."""
        task, record, _ = self.questions[number]
        replies = [Reply(self.tokenizer.decode(one.ids), one.logprob, len(one.ids), one.cut) for one in written]
        return [self.tasks[task].grade(record, [reply]).value for reply in replies]


def reply_ends(encoder: Encoder) -> list[int]:
    """Give the tokens that end a reply: what the chat template puts there, and what ends a document."""
    ends = encoder.tokenizer.eos_id
    try:
        found = encoder.ends(encoder.examples(Record("x", (Turn("user", "x"),)), "replies"))
    except Unfit:
        found = set()
    return [*sorted(found), *([ends] if ends is not None and ends not in found else [])]


def encoder_of(folder: Path, context: int) -> Encoder:
    """Make the encoder of what a model with the tokenizer in a folder is asked."""
    return Encoder(Tokenizer.load(folder), Template.load(folder), "last", context, "cut")


def ask(specs: Sequence[Any], encoder: Encoder, goal: Grpo, seed: int, held: float = 0.0) -> Asked:
    """Collect the questions of tasks; what does not fit into the context before a reply is left out, and kept.

    A share of each task's questions, ``held``, is there to measure with, but no more than the goal's ``measured``.

    Raises:
        RecipeError: a task does not ask for one written reply, or nothing is left to ask.
    """
    tasks = [cast(Task, build("tasks", spec)) for spec in specs]
    found: list[tuple[int, Record, list[int]]] = []
    left: list[tuple[Record, str]] = []
    for number, task in enumerate(tasks):
        for record in task.questions():
            requests = task.ask(record)
            if len(requests) != 1 or not isinstance(requests[0], Writing):
                raise RecipeError(
                    f"the task {task.name()!r} does not ask for one written reply",
                    hint="a reward needs a task whose questions are answered in writing",
                )
            try:
                found.append((number, record, _fitting(encoder, requests[0].prompt, goal.tokens)))
            except Unfit as unfit:
                left.append((record, str(unfit)))
    if not found:
        raise RecipeError("the tasks have no question that fits the context", hint="raise context, or lower tokens")
    return Asked(
        tasks, found, encoder.tokenizer, goal.questions, seed, left, _held(tasks, found, (held, goal.measured), seed)
    )


def _held(
    tasks: Sequence[Task], questions: Sequence[tuple[int, Record, list[int]]], how_many: tuple[float, int], seed: int
) -> dict[str, list[int]]:
    """Choose by the seed which questions of each task are held out: at least one, if there are two."""
    share, most = how_many
    found = {}
    for number, task in enumerate(tasks):
        mine = [place for place, (of, _, _) in enumerate(questions) if of == number]
        wanted = min(max(round(share * len(mine)), 1), most, len(mine) - 1) if share else 0
        if wanted > 0:
            order = shuffled(np.arange(len(mine), dtype=np.int64), len(mine), f"{seed}/held/{number}")
            found[task.name()] = sorted(mine[place] for place in order[:wanted].tolist())
    return found


def _fitting(encoder: Encoder, prompt: Prompt, tokens: int) -> list[int]:
    """Give the ids of a prompt that leaves room for a reply of so many tokens."""
    ids = encoder.prompt(prompt)
    if not ids:
        raise Unfit("the prompt is empty")
    if len(ids) > encoder.context - tokens:
        raise Unfit("the prompt leaves no room for a reply")
    return ids
