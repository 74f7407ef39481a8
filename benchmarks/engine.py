"""What the engine costs beside the ops: CPU seconds of a whole chain against those inside the ops' own kernels.

Run it with ``python benchmarks/engine.py``. The corpus is the quickstart's (the documentation of this Python
installation); it is ingested first, which is not counted. Each round runs the chain once with one worker,
cold files aside, and splits the CPU time of the process into the ops (kernels), Parquet and Arrow files (what
the same shards cost when no op runs at all), and the rest: the engine itself.
"""

import argparse
import tempfile
import time
from pathlib import Path

from lmloop.core.engine.chain import run_chain
from lmloop.core.engine.pool import Pool
from lmloop.core.op import Op
from lmloop.core.part import build
from lmloop.core.progress import default
from lmloop.core.recipe import Recipe
from lmloop.core.run import run
from lmloop.kernels.warm import warm
from lmloop.stages.curate import Curate

RECIPE = Path(__file__).parents[1] / "recipes" / "quickstart.toml"


def main() -> None:
    """Print a line for each round, and the best."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--home", type=Path, default=Path("runs"))
    options = parser.parse_args()
    recipe = Recipe.read(RECIPE)
    raw = run(recipe.upto("raw"), home=options.home, progress=default())["raw"].path
    curate = next(wired.step for wired in recipe.steps if wired.id == "clean")
    assert isinstance(curate, Curate)
    warm()
    shares = [_round(curate.ops, raw) for _ in range(options.rounds)]
    print(f"best of {options.rounds}: the engine costs {min(shares):.1%} of the ops' time")


def _round(ops: list[Op], raw: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        ops_seconds, seconds = _measure(ops, raw, Path(folder) / "chain")
        _, files = _measure([build_identity()], raw, Path(folder) / "files")
    engine = max(0.0, seconds - ops_seconds - files)
    print(
        f"all {seconds:6.2f} s   ops {ops_seconds:6.2f} s   files {files:6.2f} s   "
        f"engine {engine:5.2f} s = {engine / ops_seconds:.1%} of the ops"
    )
    return engine / ops_seconds


def build_identity() -> Op:
    """Give an op that keeps everything and looks at nothing but lengths."""
    op = build("ops", {"use": "length", "min_characters": 0})
    assert isinstance(op, Op)
    return op


def _measure(ops: list[Op], raw: Path, out: Path) -> tuple[float, float]:
    """Run a chain; give the CPU seconds inside the ops, and all of this process's."""
    start = time.process_time()
    with Pool(1) as pool:
        totals = run_chain(ops, [raw], out, pool)
    return totals.op_seconds, time.process_time() - start


if __name__ == "__main__":
    main()
