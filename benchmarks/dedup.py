"""What deduplication takes: peak memory and speed at two sizes of a corpus, and one decision over ten million rows.

Run it with ``python benchmarks/dedup.py``. The corpora are made up: documents of about 2.5 kB in English and Chinese,
of which one in ten is a copy, one in ten a near copy, and one in ten holds a passage of another. Each op runs alone,
in a process of its own with one worker, under ``--memory``; the peak is that of the whole process, and in brackets
what it has more than before the first row was read. Then one decision is taken over ``--rows`` rows that all have
links.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa

from lmloop.core.batch import from_texts
from lmloop.core.engine.chain import run_chain
from lmloop.core.engine.decide import SettleTask, settle
from lmloop.core.engine.pool import Pool
from lmloop.core.engine.shards import DATA, ShardWriter
from lmloop.core.engine.spill import write_tables
from lmloop.core.op import Op
from lmloop.core.part import build
from lmloop.kernels.warm import warm

OPS = ["exact", "exact-spans", "exact-substring", "minhash", "minhash-verified"]
SHARD_ROWS = 8_000
KNOWN = 20_000
"""From so many documents the copies are drawn."""


def main() -> None:
    """Print a line for each op and size, and one for the decision."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", type=int, default=600, help="megabytes that a run may use")
    parser.add_argument("--megabytes", type=int, nargs=2, default=(100, 400), help="the two sizes of the corpus")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--ops", nargs="*", default=OPS)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        what, folder = options.one
        print(json.dumps(_decide(Path(folder)) if what == "decide" else _dedup(what, Path(folder), options.memory)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for megabytes in options.megabytes:
            corpus = Path(folder) / str(megabytes)
            rows, size = _make_corpus(corpus, megabytes)
            for op in options.ops:
                found = _apart(op, corpus, options.memory)
                print(
                    f"{op:18} {size / 1e6:6.0f} MB {rows:9,} rows  {found['seconds']:7.1f} CPU s "
                    f"{size / 1e6 / found['seconds']:6.1f} MB/s  peak {found['peak']:5.0f} MB "
                    f"(+{found['peak'] - found['base']:.0f})  dropped {found['dropped']:,}",
                    flush=True,
                )
        _make_links(Path(folder), options.rows)
        found = _apart("decide", Path(folder), options.memory)
        more = found["peak"] - found["base"]
        print(
            f"one decision over {options.rows:,} rows, {found['dropped']:,} links: {found['seconds']:.1f} CPU s, "
            f"peak {found['peak']:.0f} MB (+{more:.0f}), {more * 1e6 / options.rows:.0f} bytes a row"
        )


def _apart(what: str, folder: Path, memory: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--memory", str(memory), "--one", what, str(folder)]
    return cast("dict[str, float]", json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


def _dedup(name: str, corpus: Path, memory: int) -> dict[str, float]:
    spec = {"use": "minhash", "verify": 0.7} if name == "minhash-verified" else {"use": name}
    op = cast(Op, build("ops", spec))
    warm()
    op.apply(from_texts(["to compile what there is to compile"] * 2))
    base, start = _peak(), time.process_time()
    with tempfile.TemporaryDirectory(dir=corpus.parent) as out, Pool(1, memory=memory << 20) as pool:
        totals = run_chain([op], [corpus], Path(out), pool, samples=0)
    dropped = totals.ops[0].rows_in - totals.ops[0].rows_out
    return {"seconds": time.process_time() - start, "peak": _peak(), "base": base, "dropped": dropped}


def _decide(folder: Path) -> dict[str, float]:
    found = tuple(sorted((folder / "links").iterdir()))
    spec = build("ops", "minhash").spec()
    tiny = folder / "tiny.arrow"
    write_tables(tiny, [pa.table({"left": pa.array([0], pa.uint64()), "right": pa.array([1], pa.uint64())})])
    settle(SettleTask(0, spec, (tiny,), folder / "out.arrow", False))
    base, start = _peak(), time.process_time()
    settle(SettleTask(0, spec, found, folder / "out.arrow", False))
    links = sum(path.stat().st_size for path in found) // 16
    return {"seconds": time.process_time() - start, "peak": _peak(), "base": base, "dropped": links}


def _peak() -> float:
    """Give the peak of this process in megabytes; Linux's ``ru_maxrss`` counts that of its parent, too."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) / 1e3
    import resource

    scale = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def _make_links(folder: Path, rows: int) -> None:
    """Link every row to others: two links a row, in groups of eight, spread over 64 files."""
    (folder / "links").mkdir()
    draw = np.random.default_rng(1)
    for part in range(64):
        row = np.arange(part, rows, 64).repeat(2)
        left = np.minimum(row // 8 * 8 + draw.integers(0, 8, len(row)), rows - 1)
        # a million rows a shard: numbers as the engine gives them
        shards = [(numbers // 1_000_000 << 40) + numbers % 1_000_000 for numbers in (left, row)]
        table = pa.table({"left": shards[0].astype(np.uint64), "right": shards[1].astype(np.uint64)})
        write_tables(folder / "links" / f"{part:03d}.arrow", [table])


def _make_corpus(folder: Path, megabytes: int) -> tuple[int, int]:
    rows = size = 0
    waiting: list[str] = []
    for text in _documents(megabytes * 1_000_000):
        waiting.append(text)
        size += len(text.encode())
        if len(waiting) == SHARD_ROWS:
            rows += _write(folder, rows, waiting)
            waiting = []
    return rows + _write(folder, rows, waiting), size


def _write(folder: Path, rows: int, texts: list[str]) -> int:
    with ShardWriter(folder / DATA / f"{rows // SHARD_ROWS:05d}.parquet") as shard:
        shard.write(from_texts(texts))
    return len(texts)


def _documents(size: int) -> Iterator[str]:
    draw = np.random.default_rng(7)
    english = np.array([f"{a}{b}{c}" for a in "bdfklmnprstvz" for b in "aeiou" for c in ("n", "r", "st", "lo", "mi")])
    sides = (english, " "), (np.array([chr(0x4E00 + k) for k in range(3000)]), "")
    made: list[tuple[int, list[str]]] = []
    total = 0
    while total < size:
        side, kind = int(draw.integers(2)), draw.random()
        alphabet, space = sides[side]
        ranks = np.minimum(draw.zipf(1.3, 500 + 400 * side) - 1, len(alphabet) - 1)
        words = alphabet[ranks].tolist()
        if made and kind < 0.3:
            side, other = made[int(draw.integers(len(made)))]
            space = sides[side][1]
            if kind < 0.1:
                words = list(other)
            elif kind < 0.2:
                words = [*other[:-20], *words[:20]]
            else:
                words = [*words[:200], *other[:150]]
        made.append((side, words))
        if len(made) > KNOWN:
            del made[: KNOWN // 2]
        text = "\n".join(space.join(words[i : i + 60]) for i in range(0, len(words), 60))
        total += len(text.encode())
        yield text


if __name__ == "__main__":
    main()
