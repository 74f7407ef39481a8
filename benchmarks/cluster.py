"""What a Ray cluster costs beside one machine: the quickstart's curation, run by both engines in turn.

Run it with ``python benchmarks/cluster.py``. Both use the same number of workers on this machine; Ray is started anew
each time, which is told apart. The kept rows must be the same, or it fails.
"""

import argparse
import tempfile
import time
from pathlib import Path

from lmloop.core.engine.chain import run_chain
from lmloop.core.engine.engines import open_pool
from lmloop.core.progress import default
from lmloop.core.recipe import Recipe
from lmloop.core.run import run
from lmloop.core.step import Context, EngineName
from lmloop.kernels.warm import warm
from lmloop.stages.curate import Curate

RECIPE = Path(__file__).parents[1] / "recipes" / "quickstart.toml"


def main() -> None:
    """Print a line for each engine and round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--home", type=Path, default=Path("runs"))
    options = parser.parse_args()
    recipe = Recipe.read(RECIPE)
    raw = run(recipe.upto("raw"), home=options.home, progress=default())["raw"].path.absolute()
    curate = next(wired.step for wired in recipe.steps if wired.id == "clean")
    assert isinstance(curate, Curate)
    warm()
    kept: set[int] = set()
    engines: tuple[EngineName, ...] = ("local", "ray")
    for _ in range(options.rounds):
        for engine in engines:
            kept.add(_round(engine, curate, raw, options.workers))
    assert len(kept) == 1, f"the engines keep different numbers of rows: {kept}"


def _round(engine: EngineName, curate: Curate, raw: Path, workers: int) -> int:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, open_pool(Context(workers=workers, engine=engine)) as pool:
        ready = time.monotonic()
        totals = run_chain(curate.ops, [raw], Path(folder), pool)
    end = time.monotonic()
    print(
        f"{engine:5s}  start {ready - begun:5.1f} s   chain {end - ready:6.1f} s   "
        f"ops {totals.op_seconds:5.1f} CPU s   kept {totals.ops[-1].rows_out:,}"
    )
    return totals.ops[-1].rows_out


if __name__ == "__main__":
    main()
