"""A tuning as a file: all that a process needs to take part in it, whoever started it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lmloop.core.draft import draft
from lmloop.core.method import Method, build_method
from lmloop.core.rows import HeldOut
from lmloop.kernels.example_rows import ExampleBatches, Filled
from lmloop.kernels.examples import Examples, crossed
from lmloop.nn.goals.settings import AnyGoal, Goal, Grpo
from lmloop.nn.training import Training
from lmloop.stages.finetune.asking import Asked, ask, encoder_of

HELD_ROWS = 8

Piece = tuple[str, Sequence[str]]
"""A file of examples, and the names of its tasks."""


@dataclass(frozen=True, slots=True)
class Data:
    """Where the examples lie, and how they are read.

    ``tasks`` are all tasks in order: their numbers are what routers see. ``weights`` say how often each is read in an
    epoch; ``context`` is the length of a packed row.
    """

    pieces: Sequence[Piece]
    held: Sequence[Piece]
    tasks: Sequence[str]
    weights: Sequence[float]
    epochs: float
    context: int
    packed: bool

    def filled(self, goal: Goal, seed: int) -> Filled:
        """Lay out the rows to train on."""
        return self._filled(goal, _load(self.pieces, self.tasks, goal), self.weights, self.epochs, seed)

    def held_out(self, goal: Goal, task: str) -> Filled:
        """Lay out a task's rows to measure with."""
        weights = [float(name == task) for name in self.tasks]
        return self._filled(goal, _load(self.held, self.tasks, goal), weights, 1.0, 0)

    def _filled(self, goal: Goal, examples: Examples, weights: Sequence[float], epochs: float, seed: int) -> Filled:
        packed = self.packed and goal.reads == "replies"
        return Filled(examples, self.context, weights, epochs, seed, goal.together, packed)


def _load(pieces: Sequence[Piece], tasks: Sequence[str], goal: Goal) -> Examples:
    examples = Examples.load([(Path(file), names) for file, names in pieces], tasks)
    return crossed(examples) if goal.reads == "verdicts" else examples


@dataclass(frozen=True)
class Job:
    """What is tuned, by which method, to which goal, on what, and where the result goes.

    ``base`` is the model's folder, ``method`` and ``goal`` are what recipes say of them; without a method all weights
    are tuned. ``samples`` are prompts to reply to in the end: the number of the task, the prompt as text and as ids;
    ``ends`` are the tokens that end a reply. ``tasks`` are what recipes say of tasks that reward. ``name`` tells the
    adapter from others that are tuned at once; ``held_share`` is that of the questions to measure with.
    """

    base: Path
    method: Mapping[str, Any] | None
    goal: Mapping[str, Any]
    data: Data
    training: Training
    tokenizer: Path
    out: Path
    best: bool = True
    merged: bool = False
    samples: Sequence[tuple[int, str, Sequence[int]]] = ()
    sample_tokens: int = 60
    ends: Sequence[int] = ()
    label: str = "train"
    name: str = ""
    held_share: float = 0.0
    tasks: Sequence[Mapping[str, Any]] = ()

    def write(self, path: Path) -> None:
        """Write it for other processes."""
        with draft(path) as place:
            place.write_text(json.dumps(asdict(self), default=str), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Job":
        """Read it."""
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        folders = {name: Path(said[name]) for name in ("base", "tokenizer", "out")}
        return cls(
            **{**said, **folders, "data": Data(**said["data"]), "training": Training.from_plain(said["training"])}
        )

    @cached_property
    def settings(self) -> Goal:
        """The goal's numbers."""
        found: Goal = TypeAdapter(AnyGoal).validate_python(dict(self.goal))
        return found

    def build_method(self) -> Method | None:
        """Make the method."""
        return build_method(dict(self.method)) if self.method is not None else None

    def batches(self) -> ExampleBatches:
        """Open the rows to train on."""
        return ExampleBatches(self.data.filled(self.settings, self.training.seed), self.training.rows)

    def asked(self) -> Asked:
        """Collect the questions of the tasks that reward."""
        assert isinstance(self.settings, Grpo)
        encoder = encoder_of(self.tokenizer, self.data.context)
        return ask(self.tasks, encoder, self.settings, self.training.seed, self.held_share)

    def held(self) -> HeldOut:
        """Open the rows to measure with, by task."""
        if not self.data.held:
            return {}
        found = {task: self.data.held_out(self.settings, task) for task in self.data.tasks}
        return {
            task: ExampleBatches(filled, HELD_ROWS).held(HELD_ROWS) for task, filled in found.items() if filled.rows
        }
