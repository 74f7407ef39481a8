"""Examples to tune on: token ids, which of them are to be learnt, and where each belongs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lmloop.core.draft import draft
from lmloop.core.errors import DataError

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Example:
    """A text as ids; ``learnt`` marks those to be learnt, ``size`` counts the bytes of text that they stand for.

    ``good`` tells a better reply from a worse one.
    """

    ids: Sequence[int]
    learnt: Sequence[bool]
    size: int
    good: bool = True


@dataclass(slots=True)
class ExampleWriter:
    """Collects examples, and writes them into one file."""

    examples: list[Example] = field(default_factory=list)
    tasks: list[int] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)

    def add(self, examples: Sequence[Example], task: str) -> None:
        """Add examples that belong together: the replies of a pair, say."""
        number = self.names.setdefault(task, len(self.names))
        self.examples += examples
        self.tasks += [number] * len(examples)

    def write(self, path: Path) -> None:
        """Write the file; the names of the tasks are not in it."""
        found = self.examples
        joined = [np.asarray(each.ids, np.uint32) for each in found], [np.asarray(each.learnt, bool) for each in found]
        ids, learnt = (
            np.concatenate(arrays) if found else np.empty(0, kind)
            for arrays, kind in zip(joined, (np.uint32, bool), strict=True)
        )
        ends = np.cumsum([len(each.ids) for each in found], dtype=np.int64)
        sizes, good = (np.array([getattr(each, name) for each in found], np.int64) for name in ("size", "good"))
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft(path) as place, place.open("wb") as file:
            np.savez(
                file, ids=ids, learnt=learnt, ends=ends, tasks=np.array(self.tasks, np.int64), sizes=sizes, good=good
            )


@dataclass(frozen=True)
class Examples:
    """All examples of a training, or all that are held out of it: arrays of one entry each, but for the joined ids."""

    ids: npt.NDArray[np.uint32]
    learnt: npt.NDArray[np.bool_]
    ends: Integers
    tasks: Integers
    sizes: Integers
    good: Integers

    @classmethod
    def load(cls, files: Sequence[tuple[Path, Sequence[str]]], tasks: Sequence[str]) -> Self:
        """Read files, each with the names of its tasks; they are numbered anew as ``tasks`` has them.

        Raises:
            DataError: a file is damaged.
        """
        place = {name: number for number, name in enumerate(tasks)}
        parts: list[Mapping[str, Any]] = []
        for path, names in files:
            try:
                with np.load(path) as file:
                    part = {name: file[name] for name in file.files}
            except (OSError, ValueError) as bad:
                raise DataError(f"the examples {path} cannot be read: {bad}") from None
            numbers = np.array([place[name] for name in names], np.int64)
            parts.append({**part, "tasks": numbers[part["tasks"]] if len(names) else part["tasks"]})
        starts = np.cumsum([0, *(len(part["ids"]) for part in parts)])
        joined = {
            name: np.concatenate([part[name] for part in parts]) for name in ("ids", "learnt", "tasks", "sizes", "good")
        }
        ends = np.concatenate([part["ends"] + start for part, start in zip(parts, starts, strict=False)])
        return cls(**joined, ends=ends)

    def __len__(self) -> int:
        return len(self.ends)

    @cached_property
    def starts(self) -> Integers:
        """Where each begins."""
        return np.concatenate([np.zeros(1, np.int64), self.ends])[: len(self.ends)]

    @cached_property
    def places(self) -> Integers:
        """How many places of a row each fills: a token is read to predict the next, so the last one is not read."""
        return self.ends - self.starts - 1

    def read(self, number: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
        """Give an example's ids, and which are learnt."""
        cut = slice(self.starts[number], self.ends[number])
        return self.ids[cut], self.learnt[cut]


def crossed(examples: Examples) -> Examples:
    """Put behind each example one with its prompt and the reply of the next: one that was not meant for it."""
    count = len(examples)
    ids: list[npt.NDArray[np.uint32]] = []
    learnt: list[npt.NDArray[np.bool_]] = []
    for number in range(count):
        mine, marks = examples.read(number)
        other, other_marks = examples.read((number + 1) % count)
        prompt, reply = int(np.argmax(marks)), int(np.argmax(other_marks))
        ids += [mine, np.concatenate([mine[:prompt], other[reply:]])]
        learnt += [marks, np.concatenate([marks[:prompt], other_marks[reply:]])]
    ends = np.cumsum([len(each) for each in ids], dtype=np.int64)
    twice = {name: np.repeat(getattr(examples, name), 2) for name in ("tasks", "sizes", "good")}
    return Examples(np.concatenate(ids), np.concatenate(learnt), ends, **twice)
