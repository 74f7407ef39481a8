"""What a curation shows: where rows went, how they are spread, what was dropped and why, what was alike."""

from collections.abc import Sequence
from pathlib import Path

from lmloop.core.engine.chain import Totals
from lmloop.core.op import Op
from lmloop.report import blocks
from lmloop.report.masks import masker
from lmloop.stages.curate.breakdown import matrices
from lmloop.stages.curate.drops import drops
from lmloop.stages.curate.origins import groupings
from lmloop.stages.curate.privacy import personal_data
from lmloop.stages.curate.specimens import clusters
from lmloop.stages.curate.spread import histograms


def describe(out: Path, totals: Totals, ops: Sequence[Op]) -> list[blocks.Block]:
    """Describe a finished chain, from its tallies and from the rows it left in ``out``."""
    mask = masker(op.spec() for op in ops)
    groups = groupings(out)
    counts = {(tally.op, reason): count for tally in totals.ops for reason, count in tally.drops.most_common()}
    return [
        _numbers(totals),
        _funnel(totals),
        *drops(out, ops, mask, counts),
        *matrices(out, totals, groups),
        *histograms(out, ops, groups),
        *personal_data(out, ops, mask),
        *clusters(out, ops, mask),
    ]


def _numbers(totals: Totals) -> blocks.Numbers:
    first, last = totals.ops[0], totals.ops[-1]
    dropped = first.rows_in - last.rows_out
    share = last.rows_out / first.rows_in if first.rows_in else 0.0
    figures = (
        blocks.Figure("documents in", first.rows_in, caption="as they were ingested"),
        blocks.Figure("documents kept", last.rows_out, caption=f"{share:.1%} of them"),
        blocks.Figure("dropped", dropped, caption="each with its reason"),
        blocks.Figure("text kept", last.bytes_out, "B", caption="of UTF-8"),
    )
    return blocks.Numbers("The corpus", figures)


def _funnel(totals: Totals) -> blocks.Funnel:
    stages = tuple(
        blocks.Stage(t.op, t.rows_in, t.rows_out, t.bytes_in, t.bytes_out, dict(t.drops.most_common()))
        for t in totals.ops
    )
    return blocks.Funnel("Where the documents went", stages)
