"""Benchmarks ask, byte for byte, what lm-eval asks: about invented items, and about the real ones where they are."""

import csv
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lmloop.core.model import Reply, Scoring, raw_text
from lmloop.core.part import build
from lmloop.core.task import Task
from lmloop.scoring.data import DATA

GOLDEN = json.loads((Path(__file__).parent / "lm_eval_requests.json").read_text(encoding="utf-8"))
REAL = os.environ.get(DATA, "")
"""The folder of the real benchmarks, where there is one: these tests are skipped elsewhere."""
HUB = {
    "arc": "arc/ARC-{level}/{split}-0.parquet",
    "hellaswag": "hellaswag/data/{split}-0.parquet",
    "winogrande": "winogrande/winogrande_xl/{split}-0.parquet",
    "truthfulqa": "truthfulqa/multiple_choice/{split}-0.parquet",
    "piqa": "piqa/plain_text/{split}-0.parquet",
    "openbookqa": "openbookqa/main/{split}-0.parquet",
    "boolq": "boolq/boolq/{split}-0.parquet",
    "mmlu": "mmlu/all/{split}-0.parquet",
    "cmmlu": "cmmlu/{split}/agronomy.csv",
    "ceval": "ceval/law/{split}-0.parquet",
    "mmlu-pro": "mmlu_pro/data/{split}-0.parquet",
    "lambada": "lambada/default/{split}-0.parquet",
    "pairs": "blimp/adjunct_island/{split}-0.parquet",
    "gpqa": "gpqa/gpqa_main.csv",
    "math": "math/data/{split}-0.parquet",
    "musr": "musr/{split}.csv",
}


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        made = csv.DictWriter(file, ["", *rows[0]])
        made.writeheader()
        made.writerows(rows)


def requests(task: Task) -> dict[str, list[list[str]]]:
    """Give prompts and what follows them, by subject."""
    found = defaultdict(list)
    for record in task.questions():
        for one in task.ask(record):
            text = one.text if isinstance(one, Scoring) else ""
            found[str(record.meta["subject"])].append([raw_text(one.prompt) or "", text])
    return found


@pytest.mark.parametrize("golden", GOLDEN["invented"], ids=lambda row: f"{row['from']}-{row['settings']}")
def test_invented_items_are_asked_as_lm_eval_asks_them(golden: dict[str, Any], tmp_path: Path) -> None:
    level = str(golden["settings"].get("level", "")).capitalize()
    for split, rows in golden["splits"].items():
        write(tmp_path / HUB[golden["task"]].format(split=split, level=level), rows)
    task = build("tasks", {"use": golden["task"], "data": str(tmp_path), **golden["settings"]})
    assert isinstance(task, Task)
    asked = [request for group in requests(task).values() for request in group]
    wanted = [[golden["prompts"][place], text] for place, text in golden["requests"]]
    if golden["task"] == "truthfulqa":  # both of its scores are asked for at once
        asked, wanted = sorted(request for request in asked if request in wanted), sorted(wanted)
    assert asked == wanted


@pytest.mark.parametrize("row", GOLDEN["solved"], ids=lambda row: f"{row['from'][:9]}-{row['answer']}-{row['reply']}")
def test_formulas_are_judged_as_lm_eval_judges_them(row: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path / "math/data/test-0.parquet", [{**row, "problem": "?", "level": "Level 5", "type": "Algebra"}])
    leaderboard = row["from"].startswith("leaderboard")
    profile = "leaderboard-v2" if leaderboard else "lm-eval"
    task = build("tasks", {"use": "math", "data": str(tmp_path), "profile": profile})
    assert isinstance(task, Task)
    (record,) = task.questions()
    values = task.grade(record, [Reply(row["reply"])]).values
    assert values["acc"] == row["values"]["exact_match" if leaderboard else "math_verify"]
    if leaderboard:
        assert values["minerva"] == row["values"]["exact_match_original"]


def digest(asked: list[list[str]]) -> str:
    return hashlib.blake2b(json.dumps(asked).encode(), digest_size=8).hexdigest()


@pytest.mark.skipif(not REAL, reason=f"{DATA} names no folder of benchmarks")
@pytest.mark.parametrize(
    ("name", "use", "profile"),
    [
        ("mmlu", "mmlu", "lm-eval"),
        ("cmmlu", "cmmlu", "lm-eval"),
        ("bbh-cot", "bbh", "lm-eval"),
        ("bbh-mc", "bbh", "leaderboard-v2"),
    ],
)
def test_real_items_are_asked_as_lm_eval_asks_them(name: str, use: str, profile: str) -> None:
    task = build("tasks", {"use": use, "data": REAL, "profile": profile})
    assert isinstance(task, Task)
    wanted = {
        key.removeprefix(f"{name}/"): value for key, value in GOLDEN["real"].items() if key.startswith(f"{name}/")
    }
    assert wanted
    assert {subject: digest(asked) for subject, asked in requests(task).items()} == wanted
