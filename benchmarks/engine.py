"""What the engine costs beside the ops: CPU seconds of a whole chain against those inside the ops' own kernels.

Run it with ``python benchmarks/engine.py``. The corpus is the quickstart's (the documentation of this Python
installation); it is ingested first, which is not counted. Each round runs the chain once with one worker and
splits the CPU time of the process into the ops (kernels), reading and writing Parquet and Arrow files, and the
rest, which is the engine itself.
"""

import argparse
import tempfile
import time
from pathlib import Path

from lmloop.core.engine.chain import run_chain
from lmloop.core.engine.pool import Pool
from lmloop.core.op import Op
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
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder, Pool(1) as pool:
        totals = run_chain(ops, [raw], Path(folder), pool)
    seconds = time.process_time() - start
    engine = seconds - totals.op_seconds - totals.file_seconds
    print(
        f"all {seconds:6.2f} s   ops {totals.op_seconds:6.2f} s   files {totals.file_seconds:6.2f} s   "
        f"engine {engine:5.2f} s = {engine / totals.op_seconds:.1%} of the ops"
    )
    return engine / totals.op_seconds


if __name__ == "__main__":
    main()
