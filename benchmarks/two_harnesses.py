"""One model, one benchmark, several published ways to ask: how far do the scores lie apart?

``python benchmarks/two_harnesses.py MODEL DATA [--items N]``: a model by its name (``transformers:PATH``) and a data
folder (see docs/guide/benchmarks.md). The same items are asked in each form, so that the differences are paired.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lmloop.core.asking import ask
from lmloop.core.model import Model
from lmloop.core.part import build
from lmloop.core.task import Task
from lmloop.core.weights import model as named_model

WAYS: Mapping[str, Sequence[tuple[dict[str, Any], str]]] = {
    "mmlu": [
        ({"profile": "official"}, "acc"),
        ({"profile": "lm-eval"}, "acc"),
        ({"profile": "opencompass"}, "acc"),
        ({"profile": "official", "shots": 0}, "acc"),
        ({"profile": "lm-eval", "chat": "turns"}, "acc"),
        ({"profile": "lm-eval", "by": "writing"}, "acc"),
    ],
    "cmmlu": [
        ({"profile": "official"}, "acc"),
        ({"profile": "lm-eval"}, "acc"),
        ({"profile": "opencompass"}, "acc"),
    ],
    "arc": [
        ({"level": "easy"}, "acc"),
        ({"level": "easy"}, "acc_norm"),
        ({"level": "easy"}, "acc_token"),
        ({"level": "easy", "chat": True}, "acc_norm"),
        ({"level": "easy", "profile": "letters"}, "acc"),
        ({"level": "easy", "profile": "letters", "chat": True, "by": "writing", "max_tokens": 64}, "acc"),
    ],
    "hellaswag": [
        ({}, "acc"),
        ({}, "acc_norm"),
        ({}, "acc_bytes"),
        ({"profile": "completion"}, "acc_token"),
    ],
}


@dataclass(frozen=True, slots=True)
class Way:
    """What came of asking in one way: a value by item, and the share of replies without an answer."""

    values: Mapping[str, Mapping[str, float]]
    failed: float


def grades(model: Model, use: str, settings: Mapping[str, Any], items: int) -> Way:
    """Ask items spread over the benchmark, the same ones however they are asked."""
    task = build("tasks", {"use": use, **settings})
    assert isinstance(task, Task)
    records = list(task.questions())
    chosen = list(islice(records, 0, None, max(1, len(records) // items)))
    found = task.grades(list(zip(chosen, ask(task, model, chosen), strict=True)))
    return Way({grade.record: dict(grade.values) for grade in found}, sum(grade.failed for grade in found) / len(found))


def main() -> None:
    """Ask, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--benchmarks", default=",".join(WAYS))
    parser.add_argument("--subjects", default="", help="only these, where a benchmark has subjects")
    given = parser.parse_args()
    model = named_model(given.model)
    for use in given.benchmarks.split(","):
        asked: dict[str, Way] = {}
        first: Mapping[str, float] = {}
        for settings, metric in WAYS[use]:
            key = repr(settings)
            if key not in asked:
                chosen = {"subjects": given.subjects.split(",")} if given.subjects else {}
                asked[key] = grades(model, use, {**settings, **chosen, "data": given.data}, given.items)
            way = asked[key]
            values = {record: found[metric] for record, found in way.values.items() if metric in found}
            first = first or values
            score = sum(values.values()) / len(values)
            shared = [record for record in values if record in first]
            changed = sum(values[record] != first[record] for record in shared) / len(shared)
            told = ", ".join(f"{name} {value}" for name, value in settings.items()) or "as it is"
            print(
                f"{use:10} {told:60} {metric:10} {100 * score:5.1f} of {len(values)}; "
                f"{100 * changed:4.1f} % of verdicts differ from the first; {100 * way.failed:.1f} % without an answer"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
