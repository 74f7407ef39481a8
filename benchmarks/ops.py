"""How fast each op is by itself: MB of UTF-8 text a CPU second, on one core, once everything is compiled and loaded.

Run it with ``python benchmarks/ops.py``. The corpus is the quickstart's (the documentation of this Python
installation), or ``--files`` of JSON Lines with a field "text". Ops that need samples or lists are given halves of the
corpus and a few words. For ``language`` it also says how often its windows give what reading a whole document gives.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from lmloop.core.batch import Batch, from_records
from lmloop.core.listing import names
from lmloop.core.op import Barrier, Op, text_bytes
from lmloop.core.part import build
from lmloop.core.reader import Reject
from lmloop.core.record import Record

ROWS = 500


def main() -> None:
    """Print a line for each op."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", nargs="*", default=[])
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--ops", nargs="*", default=[])
    options = parser.parse_args()
    batches = list(_corpus(options.files, options.megabytes * 1e6))
    size = sum(map(text_bytes, batches))
    print(f"{size / 1e6:.1f} MB, {sum(batch.num_rows for batch in batches)} documents")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.ops or names("ops"):
            op = cast(Op, build("ops", _spec(name, batches, Path(folder))))
            if not isinstance(op, Barrier):
                print(f"{name:20s} {size / 1e6 / _seconds(op, batches):9.1f} MB/s", flush=True)
    print(f"language: {_agreement(batches):.2%} of documents as when read whole")


def _corpus(files: list[str], most: float) -> Iterator[Batch]:
    reader: Any = build("readers", {"use": "jsonl", "files": files} if files else "python-docs")
    records: list[Record] = []
    size = 0.0
    for source in reader.sources(Path.cwd()):
        for record in reader.read(source):
            if not isinstance(record, Reject):
                records.append(record)
                size += len(record.text.encode())
            if len(records) == ROWS:
                yield from_records(records)
                records = []
        if size > most:
            break
    yield from_records(records)


def _spec(name: str, batches: list[Batch], folder: Path) -> dict[str, Any]:
    """Give settings to ops that cannot do without; for others the defaults."""
    good, bad, words = folder / "good.txt", folder / "bad.txt", folder / "words.txt"
    if not words.exists():
        texts = [text.replace("\n\n", "\n") for text in batches[0].column("text").to_pylist()]
        good.write_text("\n\n".join(texts[::2]), encoding="utf-8")
        bad.write_text("\n\n".join(texts[1::2]), encoding="utf-8")
        words.write_text("\n".join(["lorem ipsum", "赌博", *(f"w{i}rd" for i in range(400))]), encoding="utf-8")
    needs: dict[str, dict[str, Any]] = {
        "quality": {"good": [str(good)], "bad": [str(bad)]},
        "toxicity": {"toxic": [str(bad)], "harmless": [str(good)]},
        "perplexity": {"good": [str(good)]},
        "bad-words": {"files": [str(words)]},
        "url": {"domains": [str(words)], "words": [str(words)], "subwords": [str(words)]},
        "decontaminate": {"against": [str(bad)]},
        "regex": {"patterns": ["(?i)lorem ipsum", "重复"]},
        "replace": {"patterns": {r"https?://\S+": ""}},
        "mix": {"weights": {"doc": 1}},
    }
    return {"use": name, **needs.get(name, {})}


def _seconds(op: Op, batches: list[Batch]) -> float:
    op.apply(batches[0])
    start = time.process_time()
    for batch in batches:
        op.apply(batch)
    return max(time.process_time() - start, 1e-9)


def _agreement(batches: list[Batch]) -> float:
    whole, windows = ({"use": "language", "characters": size} for size in (1 << 40, 1000))
    same, rows = 0, 0
    for batch in batches:
        found = [_languages(cast(Op, build("ops", {**spec, "min_score": 0.0})), batch) for spec in (whole, windows)]
        same += sum(one == other for one, other in zip(*found, strict=True))
        rows += batch.num_rows
    return same / max(rows, 1)


def _languages(op: Op, batch: Batch) -> list[str]:
    outcome = op.apply(batch)
    found = dict.fromkeys(batch.column("id").to_pylist(), "")
    for side in (outcome.batch, outcome.dropped):
        found.update(
            zip(side.column("id").to_pylist(), side.column("stats.language.language").to_pylist(), strict=True)
        )
    return list(found.values())


if __name__ == "__main__":
    main()
