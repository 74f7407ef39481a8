"""Scores: what an evaluation found, a file that says of each number how it was got."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lmloop.core.draft import draft
from lmloop.core.errors import DataError

FILE = "scores.json"


@dataclass(frozen=True, slots=True)
class Score:
    """One number: of a model, a task, a group of its items ("" for all) and a metric.

    ``se`` is the standard error, clustered where items share a source, and ``low`` to ``high`` the interval of 95 %.
    The mean of all items is micro; with ``macro``, it is the mean of the groups' means.
    """

    model: str
    task: str
    group: str
    metric: str
    mean: float
    n: int
    clusters: int
    se: float | None
    low: float
    high: float
    macro: bool = False


@dataclass(frozen=True, slots=True)
class Rates:
    """How sure a number's items are: how many were asked, had no answer that could be found, were cut, or no reply.

    ``first`` is the place of the task's first item in the item log.
    """

    model: str
    task: str
    group: str
    items: int
    failed: int
    cut: int
    errors: int
    first: int = 0


@dataclass(frozen=True, slots=True)
class Tested:
    """A model: the name it has here, what tells it from another, what it is, and what it took."""

    name: str
    fingerprint: str
    settings: Mapping[str, Any]
    folder: str = ""
    requests: int = 0
    prompt_tokens: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A task: the name it has here, the task's own, its protocol and its data, and the metrics, the chief first."""

    name: str
    task: str
    settings: Mapping[str, Any]
    protocol: Mapping[str, Any]
    data: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]]

    @property
    def chief(self) -> str:
        """The name of the metric that stands for the task."""
        return str(self.metrics[0]["name"])


@dataclass(frozen=True, slots=True)
class Scores:
    """All that an evaluation found."""

    models: Sequence[Tested] = ()
    tasks: Sequence[Asked] = ()
    scores: Sequence[Score] = ()
    rates: Sequence[Rates] = field(default_factory=tuple)

    def chief(self, macro: bool = False) -> dict[tuple[str, str], Score]:
        """Give, by model and task, the chief metric over all items; with ``macro``, that over the groups' means."""
        chief = {task.name: task.chief for task in self.tasks}
        return {
            (score.model, score.task): score
            for score in self.scores
            if not score.group and score.macro == macro and score.metric == chief[score.task]
        }

    def write(self, folder: Path) -> None:
        """Write them into a folder; the same scores give the same bytes."""
        with draft(folder / FILE) as place:
            text = json.dumps(asdict(self), ensure_ascii=False, indent=1, allow_nan=True, sort_keys=False)
            place.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Scores":
        """Read the scores of a folder.

        Raises:
            DataError: there are none, or they are damaged.
        """
        try:
            said = json.loads((folder / FILE).read_text(encoding="utf-8"))
            return cls(
                tuple(Tested(**row) for row in said["models"]),
                tuple(Asked(**row) for row in said["tasks"]),
                tuple(Score(**row) for row in said["scores"]),
                tuple(Rates(**row) for row in said["rates"]),
            )
        except FileNotFoundError:
            raise DataError(f"{folder} holds no scores", hint="name a run of the step evaluate") from None
        except (OSError, ValueError, TypeError, KeyError) as bad:
            raise DataError(f"{folder / FILE} cannot be read: {bad}", hint="run its step again") from None
