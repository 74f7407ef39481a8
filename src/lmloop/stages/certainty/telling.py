"""What was measured as scores, in the form of an evaluation's: a leaderboard has them beside its table."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lmloop.core.scores import Asked, Score, Scores, Tested
from lmloop.core.task import Metric
from lmloop.scoring.means import wilson
from lmloop.stages.certainty.asking import Answer, Case
from lmloop.stages.certainty.measuring import Measured

TASK = "certainty"
METRICS = (
    Metric("ap"),
    Metric("accuracy"),
    Metric("auroc", chance=0.5),
    Metric("ece", higher=False),
    Metric("brier", higher=False),
    Metric("willing"),
    Metric("accuracy_willing"),
    Metric("refused_unanswerable"),
    Metric("refused_unknown"),
    Metric("over_refusal", higher=False),
)


def scores_of(
    found: Mapping[str, Measured],
    answers: Mapping[str, Sequence[Answer]],
    protocol: Mapping[str, Any],
    fingerprints: Mapping[str, str],
) -> Scores:
    """Give the chief numbers of each model; shares of questions have Wilson's interval, the others none."""
    cases = [answer.case for answer in next(iter(answers.values()))]
    digest = hashlib.blake2b("\n".join(case.record for case in cases).encode(), digest_size=8).hexdigest()
    data = {"questions": len(cases), "digest": digest}
    asked = Asked(TASK, TASK, protocol, protocol, data, tuple(asdict(metric) for metric in METRICS))
    rows = tuple(row for name, measured in found.items() for row in _rows(name, measured, cases))
    return Scores(tuple(Tested(name, mark, {}, name) for name, mark in fingerprints.items()), (asked,), rows)


def _rows(name: str, measured: Measured, cases: Sequence[Case]) -> list[Score]:
    values = measured.metrics()
    asked = [case for case in cases if case.has_answer]
    totals = {
        "accuracy": len(asked),
        "willing": len(asked),
        "accuracy_willing": round(measured.willing * len(asked)),
        "refused_unanswerable": len(cases) - len(asked),
        "refused_unknown": sum(case.known is False for case in asked),
        "over_refusal": sum(case.known is True for case in asked),
    }
    rows = []
    for metric in METRICS:
        if metric.name not in values:
            continue
        value, total = float(values[metric.name]), totals.get(metric.name)
        low, high = wilson(round(value * total), total) if total else (value, value)
        se = math.sqrt(value * (1 - value) / total) if total else None
        count = len(asked) if total is None else total
        rows.append(Score(name, TASK, "", metric.name, value, count, count, se, low, high))
    return rows
