"""What a load test found: times of each request, percentiles, throughput, and goodput under limits.

ttft     send to the first part with text in it
itl      between two such parts, one behind the other
tpot     (last part - first part) / (output tokens - 1)
latency  send to the last byte of the reply
late     how much later than intended the client turned to a request: its own fault

``ttft`` and ``latency`` are also given from the intended moment, which counts the waiting that a client in trouble
hides ("coordinated omission").
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq

from lmloop.loadtest.amounts import Limit
from lmloop.loadtest.clock import SECOND

PERCENTS: Final = (50.0, 90.0, 95.0, 99.0)
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Spread:
    """How some times lie, in seconds; ``values`` are the :data:`PERCENTS`."""

    count: int
    mean: float
    values: tuple[float, ...]
    most: float

    @classmethod
    def of(cls, times: Array) -> "Spread":
        """Describe times; NaN where there are none."""
        if not len(times):
            return cls(0, np.nan, (np.nan,) * len(PERCENTS), np.nan)
        values = np.percentile(times, PERCENTS)
        return cls(len(times), float(times.mean()), tuple(map(float, values)), float(times.max()))

    @property
    def median(self) -> float:
        """The 50th percentile."""
        return self.values[0]

    @property
    def p99(self) -> float:
        """The 99th percentile."""
        return self.values[-1]


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of a test as arrays with an entry each; times in seconds, NaN where there is none.

    ``gaps`` are all times between two parts, those of request i from ``edges[i]`` to ``edges[i + 1]``; ``moments`` are
    those of all parts, in order of the requests.
    """

    intended: Array
    begun: Array
    sent: Array
    ended: Array
    first: Array
    last: Array
    parts: Array
    tokens: Array
    prompt: Array
    endings: tuple[str, ...]
    whys: tuple[str, ...]
    by_usage: Array
    gaps: Array
    edges: Array
    moments: Array

    @property
    def fine(self) -> Array:
        """Which were answered in full."""
        return np.array([ending == "ok" for ending in self.endings], bool)

    def times(self) -> dict[str, Array]:
        """Give each measure of each request; ``itl`` is not among them, as it has many values a request."""
        many = self.tokens > 1
        steps = np.where(many, self.tokens - 1, 1)
        return {
            "ttft": self.first - self.sent,
            "ttft_intended": self.first - self.intended,
            "tpot": np.where(many & (self.parts > 1), (self.last - self.first) / steps, np.nan),
            "latency": self.ended - self.sent,
            "latency_intended": self.ended - self.intended,
            "late": self.begun - self.intended,
        }


COLUMNS = [
    *("intended", "begun", "sent", "ended", "stamps", "ending", "why"),
    *("tokens", "prompt_tokens", "counted"),
]


def load(path: Path, run: int) -> Requests:
    """Read the requests of one test from the table."""
    rows = pq.read_table(path, columns=COLUMNS, filters=[("run", "=", run)]).combine_chunks().sort_by("intended")
    stamps = rows["stamps"].combine_chunks()
    moments = stamps.flatten().to_numpy() / SECOND
    parts = np.diff(stamps.offsets.to_numpy()).astype(np.int64)
    ends = np.concatenate([[0], np.cumsum(parts)])
    has = parts > 0
    first, last = np.full(len(parts), np.nan), np.full(len(parts), np.nan)
    first[has], last[has] = moments[ends[:-1][has]], moments[ends[1:][has] - 1]
    inner = np.ones(len(moments), bool)
    inner[ends[:-1][has]] = False  # the first part of each request has no gap before it
    gaps = np.diff(moments, prepend=0.0)[inner]
    edges = np.concatenate([[0], np.cumsum(np.maximum(parts - 1, 0))])
    times = {name: rows[name].to_numpy() / SECOND for name in ("intended", "begun", "ended")}
    sent = rows["sent"].to_numpy()
    return Requests(
        sent=np.where(sent >= 0, sent / SECOND, np.nan),
        first=first,
        last=last,
        parts=parts,
        tokens=rows["tokens"].to_numpy(),
        prompt=rows["prompt_tokens"].to_numpy(zero_copy_only=False).astype(float),
        endings=tuple(rows["ending"].to_pylist()),
        whys=tuple(rows["why"].to_pylist()),
        by_usage=np.array(rows["counted"].to_pylist()) == "usage",
        gaps=gaps,
        edges=edges,
        moments=moments,
        **times,
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers of one test, from the requests whose intended moment lies in the window.

    Rates are a second: of requests that ended well, of output and prompt tokens, of goodput (requests that keep to
    all limits). ``kept_up`` is how many requests were answered for each that came, in the second half of the arrivals:
    under 1, a queue grows. ``missed`` are the limits that the test as a whole does not keep to.
    """

    window: tuple[float, float]
    endings: Mapping[str, int]
    reasons: Mapping[str, str]
    spreads: Mapping[str, Spread]
    offered: float
    requests: float
    tokens: float
    prompt_tokens: float
    goodput: float | None
    good: float | None
    kept_up: float
    missed: tuple[str, ...]
    by_usage: float
    tokens_a_part: float

    @property
    def total(self) -> int:
        """How many requests count."""
        return sum(self.endings.values())

    @property
    def failed(self) -> float:
        """The share of requests that were not answered as they should have been, by no wish of the test."""
        wanted = sum(self.endings.get(name, 0) for name in ("ok", "cancelled", "unfinished"))
        return 1 - wanted / self.total if self.total else 1.0

    @property
    def unfinished(self) -> float:
        """The share of requests that were still open when the test was over."""
        return self.endings.get("unfinished", 0) / self.total if self.total else 0.0


def summarize(found: Requests, window: tuple[float, float], limits: Sequence[Limit]) -> Summary:
    """Reckon the numbers of a test; the window is in seconds, and its end may be infinite: until the last reply."""
    begin, end = window
    inside = (found.intended >= begin) & (found.intended < end)
    fine = inside & found.fine
    if not np.isfinite(end):
        end = float(np.nanmax(found.ended[inside], initial=begin))
    length = max(end - begin, 1e-9)
    times = found.times()
    spreads = {name: Spread.of(_there(values[fine])) for name, values in times.items() if name != "late"}
    spreads["itl"] = Spread.of(found.gaps[np.repeat(fine, np.diff(found.edges))])
    spreads["late"] = Spread.of(times["late"][inside])
    done = found.fine & (found.ended >= begin) & (found.ended <= end)
    shown = np.repeat(found.tokens / np.maximum(found.parts, 1), found.parts)
    within = (found.moments >= begin) & (found.moments <= end)
    unstreamed = float(found.tokens[done & (found.parts == 0)].sum())
    good = _good(found, times, limits)[inside] if limits else None
    return Summary(
        window=(begin, end),
        endings=dict(
            Counter(ending for ending, there in zip(found.endings, inside, strict=True) if there).most_common()
        ),
        reasons=_reasons(found, inside),
        spreads=spreads,
        offered=float(inside.sum()) / length,
        requests=float(done.sum()) / length,
        tokens=(float(shown[within].sum()) + unstreamed) / length,
        prompt_tokens=float(np.nansum(found.prompt[done])) / length,
        goodput=None if good is None else float(good.sum()) / length,
        good=None if good is None or not len(good) else float(good.mean()),
        kept_up=_kept_up(found, inside),
        missed=tuple(str(limit) for limit in limits if not _kept(limit, found, times, fine)),
        by_usage=float(found.by_usage[fine].mean()) if fine.any() else 0.0,
        tokens_a_part=float(found.tokens[fine].sum() / parts) if (parts := found.parts[fine].sum()) else np.nan,
    )


def _kept_up(found: Requests, inside: Array) -> float:
    came = found.intended[inside]
    if len(came) < 2:
        return 1.0
    middle, last = (came.min() + came.max()) / 2, came.max()
    arrived = ((came > middle) & (came <= last)).sum()
    answered = (found.fine & (found.ended > middle) & (found.ended <= last)).sum()
    return float(answered) / max(int(arrived), 1)


def _there(values: Array) -> Array:
    return values[~np.isnan(values)]


def _reasons(found: Requests, inside: Array) -> dict[str, str]:
    """Give the first reason of each class of failure."""
    reasons: dict[str, str] = {}
    for ending, why, there in zip(found.endings, found.whys, inside, strict=True):
        if there and ending != "ok":
            reasons.setdefault(ending, why)
    return reasons


def _good(found: Requests, times: Mapping[str, Array], limits: Sequence[Limit]) -> Array:
    """Tell which requests keep to all limits; for ``itl``, with 99 % of their gaps."""
    good = found.fine.copy()
    for limit in limits:
        if limit.measure != "itl":
            values = times[limit.measure]
            good &= np.isnan(values) | (values <= limit.seconds)
            continue
        over = np.concatenate([[0], np.cumsum(found.gaps > limit.seconds)])
        good &= over[found.edges[1:]] - over[found.edges[:-1]] <= 0.01 * np.diff(found.edges)
    return good


def _kept(limit: Limit, found: Requests, times: Mapping[str, Array], fine: Array) -> bool:
    if limit.measure == "itl":
        values = found.gaps[np.repeat(fine, np.diff(found.edges))]
    else:
        values = _there(times[limit.measure][fine])
    return bool(len(values)) and float(np.percentile(values, limit.percent)) <= limit.seconds
