"""What a page with many dropped rows costs: seconds to describe and draw it, and its size.

Run it with ``python benchmarks/report.py``. It makes documents of random words, curates them with one worker in a
temporary folder, and prints what describing the curation takes a row, and how large the page is.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lmloop.core.batch import from_records
from lmloop.core.engine.chain import run_chain
from lmloop.core.engine.pool import Pool
from lmloop.core.engine.shards import DATA, ShardWriter
from lmloop.core.op import Op
from lmloop.core.part import build
from lmloop.core.progress import Silent
from lmloop.core.record import Record
from lmloop.report.page import Section, render
from lmloop.stages.curate.seeing import describe

BATCH = 5000
WORDS = [
    *"的了是在和有",
    "the",
    "of",
    "and",
    "to",
    "a",
    "in",
    "that",
    "is",
    "data",
    "model",
    "text",
    "corpus",
    "row",
    "page",
    "rule",
]
OPS: tuple[str | dict[str, Any], ...] = (
    {"use": "length", "min_characters": 200},
    "gopher-quality",
    "gopher-repetition",
    "exact",
)


def main() -> None:
    """Print rows, drops, seconds and megabytes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args().rows
    ops = [op for spec in OPS if isinstance(op := build("ops", spec), Op)]
    with tempfile.TemporaryDirectory() as place, Pool(1, Silent()) as pool:
        source, out = Path(place) / "in", Path(place) / "out"
        out.mkdir()
        with ShardWriter(source / DATA / "00000.parquet") as shard:
            for first in range(0, rows, BATCH):
                shard.write(from_records(_records(first, min(first + BATCH, rows))))
        totals = run_chain(ops, [source], out, pool)
        start = time.process_time()
        shown = tuple(describe(out, totals, ops))
        described = time.process_time()
        page = render("Many rows", [Section("clean", "curate", blocks=shown)], {})
        drawn = time.process_time()
    drops = sum(tally.drops.total() for tally in totals.ops)
    print(
        f"{rows:,} rows, {drops:,} dropped: described in {described - start:.1f} s, drawn in {drawn - described:.1f} s"
    )
    print(f"a page of {len(page.encode()) / 1e6:.1f} MB, {len(page.encode()) / max(drops, 1):.0f} bytes a dropped row")


def _records(first: int, last: int) -> Iterator[Record]:
    chance = random.Random(first)
    for row in range(first, last):
        text = " ".join(chance.choices(WORDS, k=chance.choice([5, 30, 45, 60, 90])))
        yield Record(text=text, id=f"{chance.getrandbits(64):016x}", meta={"source": f"site{row % 400}/page{row}.html"})


if __name__ == "__main__":
    main()
