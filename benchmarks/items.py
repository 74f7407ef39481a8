"""How long the viewer waits on an item log of a million items: open it, list a page, compare two models, read one.

python benchmarks/items.py [ITEMS]
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lmloop.core import items
from lmloop.core.card import Card
from lmloop.core.scores import Asked, Rates, Score, Scores, Tested
from lmloop.stages.leaderboard.choosing import Choice, choose, read
from lmloop.stages.leaderboard.gathering import gather

MODELS = ("one", "two")


def rows(model: str, count: int) -> Iterator[dict[str, Any]]:
    """Make items as a benchmark of choices leaves them."""
    for place in range(count):
        value = float((place * 7 + len(model) * (place % 5)) % 3 == 0)
        question = f"Question {place}: which of four answers is right, and why are the others not? 问题。" * 3
        yield {
            **dict.fromkeys(items.SCHEMA.names),
            **{"model": model, "task": "task", "group": f"g{place % 57}", "cluster": "", "record": f"q{place}"},
            **{"value": value, "failed": place % 50 == 0, "cut": False, "error": "", "weight": 1.0},
            **{"values": [("acc", value)], "question": question, "choices": ["a", "b", "c", "d"]},
            "prompt": [{"role": "text", "text": f"Five examples.\n{question * 4}"}],
            "replies": [{"asked": choice, "text": choice, "logprob": -1.0 * place} for choice in "ABCD"],
        }


def make(folder: Path, count: int) -> None:
    """Write a run of scores with so many items a model."""
    folder.mkdir()
    with items.writer(folder / items.FILE) as log:
        for model in MODELS:
            some: list[dict[str, Any]] = []
            for row in rows(model, count):
                some.append(row)
                if len(some) == items.GROUP:
                    log.write(some)
                    some = []
            log.write(some)
    Scores(
        tuple(Tested(model, model, {}) for model in MODELS),
        (Asked("task", "task", {}, {}, {"questions": count}, ({"name": "acc", "higher": True, "chance": 0.25},)),),
        tuple(Score(model, "task", "", "acc", 0.3, count, count, 0.01, 0.29, 0.31) for model in MODELS),
        tuple(Rates(model, "task", "", count, 0, 0, 0, place * count) for place, model in enumerate(MODELS)),
    ).write(folder)
    Card(folder.name.partition("-")[0], "evaluate", "scores", "0" * 32, 0, {}, {}).write(folder)


def timed(what: str, act: Callable[[], Any]) -> Any:
    """Print how long something takes."""
    start, cpu = time.perf_counter(), time.process_time()
    found = act()
    print(f"{what:48} {time.perf_counter() - start:7.3f} s  ({time.process_time() - cpu:.3f} s of CPU)")
    return found


def main() -> None:
    """Make a log and look at it as the viewer does."""
    count = int(sys.argv[1]) // len(MODELS) if len(sys.argv) > 1 else 500_000
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "scores-00000000"
        timed(f"write {count * len(MODELS):,} items", lambda: make(folder, count))
        print(f"{(folder / items.FILE).stat().st_size / 1e6:.0f} MB")
        board = timed("open", lambda: gather([folder]))
        timed("first page of a model", lambda: choose(board, Choice("task", "one")))
        timed("first page of what the second gained", lambda: choose(board, Choice("task", "one", "two", "gained")))
        timed(
            "a page in the middle of the wrong ones",
            lambda: choose(board, Choice("task", "two", "", "wrong", start=9000)),
        )
        timed("one item of both", lambda: read(board, "task", f"q{count // 2}", MODELS))


if __name__ == "__main__":
    main()
