"""From items to scores: for each model, task and group the mean of each metric, and how sure it is."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lmloop.core.scores import Rates, Score
from lmloop.core.task import Metric
from lmloop.scoring.means import Mean, macro_mean, mean_of
from lmloop.stages.evaluate.sitting import AskedTask

WHOLE = ""


@dataclass(slots=True)
class _Group:
    """What is held of a group's items: numbers and names, no texts."""

    first: int
    items: int = 0
    failed: int = 0
    cut: int = 0
    errors: int = 0
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    clusters: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    weights: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def take(self, row: Mapping[str, Any]) -> None:
        self.items += 1
        self.cut += row["cut"]
        if row["value"] is None:
            self.errors += bool(row["error"])
            return
        self.failed += row["failed"]
        weights = dict(row["weights"])
        for metric, value in row["values"]:
            self.values[metric].append(value)
            self.clusters[metric].append(row["cluster"])
            self.weights[metric].append(weights.get(metric, row["weight"]))

    def mean(self, metric: Metric) -> Mean:
        """Give the mean of a metric over the items that have it."""
        name = metric.name
        return mean_of(self.values[name], self.clusters[name], self.weights[name], bounds=metric.bounds)


class Counter:
    """Takes rows as they come and gives scores at the end."""

    def __init__(self, asked: Sequence[AskedTask]) -> None:
        self.metrics = {name: task.measures() for name, task, _ in asked}
        self.groups: dict[tuple[str, str], dict[str, _Group]] = {}

    def take(self, rows: Sequence[Mapping[str, Any]], first: int) -> None:
        """Count some rows, of which the first stands at this place of the log."""
        for place, row in enumerate(rows, start=first):
            groups = self.groups.setdefault((row["model"], row["task"]), {WHOLE: _Group(place)})
            groups[WHOLE].take(row)
            if row["group"]:
                groups.setdefault(row["group"], _Group(place)).take(row)

    def found(self) -> tuple[tuple[Score, ...], tuple[Rates, ...]]:
        """Give the scores and the rates, in the order in which things came."""
        scores: list[Score] = []
        rates: list[Rates] = []
        for (model, task), groups in self.groups.items():
            for name, group in groups.items():
                rates.append(Rates(model, task, name, group.items, group.failed, group.cut, group.errors, group.first))
            for metric in self.metrics[task]:
                scores += _scores(model, task, metric, groups)
        return tuple(scores), tuple(rates)


def _scores(model: str, task: str, metric: Metric, groups: Mapping[str, _Group]) -> list[Score]:
    means = {name: group.mean(metric) for name, group in groups.items()}
    found = [_score(model, task, name, metric.name, mean) for name, mean in means.items() if mean.n]
    parts = [mean for name, mean in means.items() if name != WHOLE and mean.n]
    if len(parts) > 1:
        found.insert(1, _score(model, task, WHOLE, metric.name, macro_mean(parts, bounds=metric.bounds), macro=True))
    return found


def _score(model: str, task: str, group: str, metric: str, mean: Mean, macro: bool = False) -> Score:
    return Score(
        model, task, group, metric, mean.mean, mean.n, mean.clusters, mean.se, mean.low, mean.high, macro=macro
    )
