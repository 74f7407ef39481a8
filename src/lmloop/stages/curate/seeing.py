"""What a curation shows: where rows went, how they are spread, what was dropped and why, what was alike."""

from pathlib import Path

from lmloop.core.engine.chain import Totals
from lmloop.report import blocks


def describe(out: Path, totals: Totals) -> list[blocks.Block]:
    """Describe a finished chain, from its tallies and from the rows it left in ``out``."""
    return [_funnel(totals)]


def _funnel(totals: Totals) -> blocks.Funnel:
    stages = tuple(
        blocks.Stage(t.op, t.rows_in, t.rows_out, t.bytes_in, t.bytes_out, dict(t.drops.most_common()))
        for t in totals.ops
    )
    return blocks.Funnel("Where the rows went", stages)
