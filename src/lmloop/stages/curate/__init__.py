"""Curate: clean records with a list of operators, and show what each did."""

from pathlib import Path
from typing import ClassVar, Literal

from lmloop.core.engine.chain import Totals, run_chain
from lmloop.core.engine.engines import open_pool
from lmloop.core.op import AnyOp
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.report import blocks
from lmloop.stages.curate.seeing import describe

SAMPLES = {"sample": 20, "all": -1, "none": 0}


class Curate(Step):
    """Run records through operators, in order.

    What is kept lies in ``data/``, what was dropped in ``dropped/`` with op, reason and statistics.
    ``dropped`` says whose text is kept there: of a ``sample`` (the first 20 for each shard, op and reason),
    of ``all``, or of ``none``.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("records",)
    makes: ClassVar[Kind] = "records"

    ops: list[AnyOp]
    dropped: Literal["sample", "all", "none"] = "sample"

    @classmethod
    def example(cls) -> "Curate":
        """Give one with an op of each sort."""
        return cls.model_validate({"ops": ["unicode", "length", "exact"]})

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Run the chain over all shards and describe what came of it."""
        with open_pool(context) as pool:
            totals = run_chain(self.ops, [item.path for item in inputs], out, pool, SAMPLES[self.dropped])
        blocks.write(out / BLOCKS, describe(out, totals, self.ops))
        return _metrics(totals)


def _metrics(totals: Totals) -> Metrics:
    first, last = totals.ops[0], totals.ops[-1]
    drops = {
        f"drop/{tally.op}/{reason}": count for tally in totals.ops for reason, count in sorted(tally.drops.items())
    }
    return {
        "rows_in": first.rows_in,
        "records": last.rows_out,
        "bytes_in": first.bytes_in,
        "bytes": last.bytes_out,
        **drops,
    }
