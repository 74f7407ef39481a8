"""Suites: several benchmarks with one average, as a published leaderboard computes it.

A suite is a TOML file: one of ours by its name (``suite:open-llm-leaderboard-v1``), or your own
(``suite:./mine.toml``). A recipe names one where it names tasks; a leaderboard computes its average where all of its
tasks were asked.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lmloop.core.errors import DataError, RecipeError, closest
from lmloop.core.outside import resolve
from lmloop.core.task import AnyTask

NAMED = "suite:"
FOLDER = Path(__file__).parent / "suites"

Means: TypeAlias = Callable[["Entry", str], Mapping[str, float]]
"""Gives the means of a metric of an entry's task by group, "" for all its items; empty where it was not asked."""


class Entry(BaseModel):
    """One benchmark of a suite: how it is asked, and which of its numbers counts.

    ``task`` is what a recipe says of it; without one a user brings the questions. Of several ``metrics`` the mean
    counts. ``over`` says whether that is the mean of all items or of the groups' means. With ``low`` a number is
    stretched so that guessing is 0 and all right is 100, for each group where they have different ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    task: Mapping[str, Any] = {}
    metrics: Sequence[str] = ("acc",)
    over: Literal["items", "groups"] = "items"
    low: float | Mapping[str, float] | None = None
    part: str = ""
    about: str = ""

    def fits(self, protocol: Mapping[str, Any]) -> bool:
        """Say whether a task that was asked is this one, by its protocol: all that the suite sets is as it sets it."""
        wanted = {name: value for name, value in self.task.items() if name != "use"}
        same = protocol.get("benchmark", protocol.get("use")) == self.task.get("use")
        return bool(self.task) and same and all(_same(protocol.get(name), value) for name, value in wanted.items())

    def score(self, means: Means) -> float | None:
        """Give the entry's number, from 0 to 100; None where its task was not asked."""
        found = [self._value(means(self, metric)) for metric in self.metrics]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if len(known) == len(found) else None

    def _value(self, means: Mapping[str, float]) -> float | None:
        groups = {group: mean for group, mean in means.items() if group} if self.over == "groups" else {}
        values = groups or {"": means[""]} if means else {}
        stretched = [100 * self._stretched(group, mean) for group, mean in values.items()]
        return sum(stretched) / len(stretched) if stretched else None

    def _stretched(self, group: str, mean: float) -> float:
        if self.low is None:
            return mean
        low = self.low.get(group, 0.0) if isinstance(self.low, Mapping) else self.low
        return max(0.0, (mean - low) / (1 - low))


class Suite(BaseModel):
    """Several benchmarks with one average: of all entries, or of the ``parts`` that they belong to, by weight."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    about: str = ""
    source: str = ""
    entry: Sequence[Entry] = Field(min_length=1)
    parts: Mapping[str, float] = {}

    def tasks(self) -> list[dict[str, Any]]:
        """List what a recipe would say of its tasks, each once."""
        found: list[dict[str, Any]] = []
        for entry in self.entry:
            if entry.task and dict(entry.task) not in found:
                found.append(dict(entry.task))
        return found

    def average(self, means: Means) -> "Average":
        """Compute the average; without a number for each of its entries there is none."""
        found = {entry.name: entry.score(means) for entry in self.entry}
        parts = {}
        for part in self.parts or {"": 1.0}:
            values = [found[entry.name] for entry in self.entry if entry.part == part]
            known = [value for value in values if value is not None]
            parts[part] = sum(known) / len(known) if known and len(known) == len(values) else None
        weights = self.parts or {"": 1.0}
        sums = [(weights[part], value) for part, value in parts.items() if value is not None]
        whole = len(sums) == len(parts)
        total = sum(weight * value for weight, value in sums) / sum(weight for weight, _ in sums) if whole else None
        return Average(total, found, parts)


@dataclass(frozen=True, slots=True)
class Average:
    """What came of a suite, from 0 to 100: in all, of each entry and of each part; None where something is missing."""

    total: float | None
    entries: Mapping[str, float | None]
    parts: Mapping[str, float | None]

    @property
    def missing(self) -> list[str]:
        """List the entries without a number."""
        return [name for name, value in self.entries.items() if value is None]


def _same(found: Any, wanted: Any) -> bool:
    """Compare a setting; of a file, a protocol has the name alone."""
    return bool(found == wanted or (isinstance(wanted, str) and "/" in wanted and wanted.rpartition("/")[2] == found))


def suite_names() -> list[str]:
    """List our suites."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def suite(name: str) -> Suite:
    """Read a suite: one of ours, or a file of your own (a name that ends in ``.toml``).

    Raises:
        RecipeError: there is no such suite, or it does not say what a suite says.
    """
    path = resolve(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        raise RecipeError(f"there is no suite {name!r}", hint=closest(name, suite_names()))
    try:
        return Suite.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as bad:
        first = bad.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RecipeError(f"the suite {path.name}: {place}: {first['msg']}") from None
    except (OSError, ValueError) as bad:
        raise DataError(f"the suite {path} cannot be read: {bad}") from None


def expanded(tasks: Any) -> Any:
    """Put the tasks of each suite that is named in its place; what else is set beside its name is set for all.

    ``["suite:open-llm-leaderboard-v1"]``, or ``[{ use = "suite:open-llm-leaderboard-v1", limit = 100 }]``. A task
    that comes twice is asked once.
    """
    if not isinstance(tasks, list | tuple):
        return tasks
    found: list[Any] = []
    for spec in tasks:
        use = spec.get("use") if isinstance(spec, Mapping) else spec
        if isinstance(use, str) and use.startswith(NAMED):
            more = {key: value for key, value in spec.items() if key != "use"} if isinstance(spec, Mapping) else {}
            wanted = [{**task, **more} for task in suite(use.removeprefix(NAMED)).tasks()]
        else:
            wanted = [spec]
        found += [one for one in wanted if one not in found]
    return found


Tasks: TypeAlias = Annotated[list[AnyTask], BeforeValidator(expanded)]
"""A setting that holds tasks: a recipe names them, or suites of them."""
