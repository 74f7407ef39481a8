"""The server's own histogram of the time to the first token, read from its ``/metrics`` before and after a test.

vLLM, SGLang and others write it in Prometheus' text format, under a name that ends in ``time_to_first_token_seconds``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

SAMPLE = re.compile(r"^(?P<name>[\w:]+)(?:\{(?P<labels>[^}]*)\})?\s+(?P<value>\S+)", re.MULTILINE)
EDGE = re.compile(r'\ble="([^"]+)"')
NAME = "time_to_first_token_seconds"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts up to each edge (in seconds, the last infinite), the number of all, and their sum."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]
    count: float
    sum: float

    def since(self, before: "Histogram") -> "Histogram":
        """Take off what was there before."""
        if before.edges != self.edges:
            return self
        counts = tuple(now - then for now, then in zip(self.counts, before.counts, strict=True))
        return Histogram(self.edges, counts, self.count - before.count, self.sum - before.sum)

    @property
    def mean(self) -> float:
        """The mean in seconds."""
        return self.sum / self.count if self.count else float("nan")

    def between(self, share: float) -> tuple[float, float]:
        """Give the edges between which a percentile lies: a histogram tells no more."""
        low = 0.0
        for edge, count in zip(self.edges, self.counts, strict=True):
            if count >= share * self.count:
                return low, edge
            low = edge
        return low, float("inf")


def first_token(text: str) -> Histogram | None:
    """Find the histogram in a page of metrics, over all labels; None where it is not."""
    counts: dict[float, float] = {}
    totals: Mapping[str, list[float]] = {"sum": [], "count": []}
    for sample in SAMPLE.finditer(text):
        stem, _, kind = sample["name"].rpartition("_")
        if not stem.endswith(NAME):
            continue
        value = float(sample["value"])
        if kind in totals:
            totals[kind].append(value)
        elif kind == "bucket" and (edge := EDGE.search(sample["labels"] or "")):
            counts[float(edge[1])] = counts.get(float(edge[1]), 0.0) + value
    if not counts or not totals["count"]:
        return None
    edges = tuple(sorted(counts))
    return Histogram(edges, tuple(counts[edge] for edge in edges), sum(totals["count"]), sum(totals["sum"]))
