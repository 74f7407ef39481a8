"""What a curation shows: where rows went, how they are spread, what was dropped and why, what was alike."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc

from lmloop.core.engine.chain import DROPPED, Totals
from lmloop.core.engine.shards import DATA, read_columns
from lmloop.core.op import Op
from lmloop.report import blocks
from lmloop.stages.curate.specimens import clusters, examples
from lmloop.stages.curate.spread import histograms

KIND = r'"kind":"(?P<kind>[^"]+)"'


def describe(out: Path, totals: Totals, ops: Sequence[Op]) -> list[blocks.Block]:
    """Describe a finished chain, from its tallies and from the rows it left in ``out``."""
    found: list[blocks.Block] = [_numbers(totals), _funnel(totals)]
    found += _kinds(out)
    found += histograms(out, ops)
    found += examples(out)
    found += clusters(out, ops)
    return found


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


def _kinds(out: Path) -> list[blocks.Block]:
    """Count rows before and after by the kind that their reader gave them, where it gave one."""
    kept, dropped = (_count_kinds(out / folder) for folder in (DATA, DROPPED))
    before = kept + dropped
    names = tuple(name for name, _ in before.most_common(20))
    if not names:
        return []
    series = (
        blocks.Series("before", tuple(before[name] for name in names)),
        blocks.Series("kept", tuple(kept[name] for name in names)),
    )
    return [blocks.Bars("What was kept, by kind", names, series)]


def _count_kinds(folder: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    for table in read_columns(folder, ["meta"]):
        kinds = pc.struct_field(pc.extract_regex(table.column("meta"), KIND), "kind").drop_null()
        counts.update({row["values"]: row["counts"] for row in pc.value_counts(kinds).to_pylist()})
    return counts
