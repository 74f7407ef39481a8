"""What a measurement found, for programs: the numbers of a run card, and a file with all of them."""

import math
from collections.abc import Sequence
from typing import Any

from lmloop.core.step import Metrics
from lmloop.loadtest.amounts import Limit
from lmloop.loadtest.measures import PERCENTS, Spread
from lmloop.stages.bench.finding import Finding
from lmloop.stages.bench.playing import Test

FACTS = "load.json"
"""The file with all numbers; times are in seconds."""


def metrics(found: Finding) -> Metrics:
    """Give the main numbers."""
    told: dict[str, float | int | str] = {
        "valid": "yes" if found.valid else "no",
        "partial": "yes" if found.partial else "no",
    }
    if found.main is not None:
        summary = found.main.summary
        told |= {"requests": summary.total, "failed": _plain(summary.failed), "tokens_a_second": _plain(summary.tokens)}
        for name in ("ttft", "itl", "latency"):
            spread = summary.spreads[name]
            if spread.count:
                told |= {f"{name}_p50": _plain(spread.median), f"{name}_p99": _plain(spread.p99)}
    if found.edge is not None:
        told["highest_rate"] = _plain(found.edge[0])
    return told


def facts(found: Finding, limits: Sequence[Limit]) -> dict[str, Any]:
    """Give all numbers."""
    told: dict[str, Any] = {
        "kind": found.kind,
        "target": found.target,
        "model": found.model,
        "valid": found.valid,
        "partial": found.partial,
        "limits": [str(limit) for limit in limits],
        "main": found.main.run if found.main else None,
        "tests": [_test(test) for test in found.tests],
    }
    if found.edge is not None:
        told["highest_rate"], told["lowest_failed"] = (_plain(end) for end in found.edge)
    if found.calibration is not None:
        told["calibration"] = {
            name: {measure: _spread(spread) for measure, spread in getattr(found.calibration, name).items()}
            for name in ("client", "known", "server")
        }
    return told


def _test(test: Test) -> dict[str, Any]:
    summary = test.summary
    told: dict[str, Any] = {
        "run": test.run,
        "rate": test.rate,
        "stopped": test.stopped,
        "invalid": [{"what": reason.what, "remedy": reason.remedy} for reason in test.reasons],
        "window": [_plain(end) for end in summary.window],
        "endings": dict(summary.endings),
        "reasons": dict(summary.reasons),
        "failed": _plain(summary.failed),
        "offered_a_second": _plain(summary.offered),
        "requests_a_second": _plain(summary.requests),
        "tokens_a_second": _plain(summary.tokens),
        "prompt_tokens_a_second": _plain(summary.prompt_tokens),
        "goodput_a_second": _plain(summary.goodput),
        "good": _plain(summary.good),
        "missed": list(summary.missed),
        "tokens_from_usage": _plain(summary.by_usage),
        "tokens_a_part": _plain(summary.tokens_a_part),
        "times": {name: _spread(spread) for name, spread in summary.spreads.items()},
        "client": {
            "busy": _plain(test.client.busy),
            "cpu": _plain(test.client.cpu),
            "late_p99": _plain(test.client.late),
        },
    }
    if test.server is not None:
        told["server_ttft"] = {"count": test.server.count, "mean": _plain(test.server.mean)}
    return told


def _spread(spread: Spread) -> dict[str, Any]:
    percents = {f"p{percent:g}": _plain(value) for percent, value in zip(PERCENTS, spread.values, strict=True)}
    return {"count": spread.count, "mean": _plain(spread.mean), **percents, "max": _plain(spread.most)}


def _plain(value: float | None) -> Any:
    """Round to a billionth; what is no number, or has no end, is null."""
    return round(value, 9) if value is not None and math.isfinite(value) else None
