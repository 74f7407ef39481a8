"""What each source, site, kind and language lost, and why."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from lmloop.core.engine.chain import Totals
from lmloop.core.engine.shards import DATA, DROPPED, read_columns
from lmloop.core.op import DROP_OP, DROP_REASON
from lmloop.report import blocks
from lmloop.stages.curate.origins import Grouping

REASONS_TOLD = 4
TITLES = {
    "source": "What each source lost",
    "site": "What each site lost",
    "kind": "What each kind lost",
    "language": "What each language lost",
}
NOTES = {"language": "the language that the op recognised; what was dropped before it has none"}


def matrices(out: Path, totals: Totals, groupings: Sequence[Grouping]) -> list[blocks.Block]:
    """Draw a matrix of groups and ops for each way to group the rows."""
    ops = list(dict.fromkeys(tally.op for tally in totals.ops if tally.drops))
    if not ops:
        return []
    return [_matrix(out, ops, grouping) for grouping in groupings]


def _matrix(out: Path, ops: Sequence[str], grouping: Grouping) -> blocks.Matrix:
    count = len(grouping.names)
    kept = sum((np.bincount(codes, minlength=count) for codes in grouping.codes[DATA]), np.zeros(count, np.int64))
    lost = _lost(out, grouping)
    groups = []
    for place, name in enumerate(grouping.names):
        mine = {(op, reason): rows for (group, op, reason), rows in lost.items() if group == place}
        losses = tuple(sum(rows for (op, _), rows in mine.items() if op == wanted) for wanted in ops)
        why = tuple(_why(Counter({r: rows for (op, r), rows in mine.items() if op == wanted})) for wanted in ops)
        groups.append(blocks.Lost(name, int(kept[place]) + sum(losses), int(kept[place]), losses, why))
    return blocks.Matrix(TITLES[grouping.by], tuple(ops), tuple(groups), NOTES.get(grouping.by, ""))


def _lost(out: Path, grouping: Grouping) -> Counter[tuple[int, str, str]]:
    lost: Counter[tuple[int, str, str]] = Counter()
    tables = read_columns(out / DROPPED, [DROP_OP, DROP_REASON])
    for table, codes in zip(tables, grouping.codes[DROPPED], strict=True):
        with_codes = table.append_column("group", pa.array(codes))
        grouped = with_codes.group_by(["group", DROP_OP, DROP_REASON]).aggregate([([], "count_all")])
        for row in grouped.to_pylist():
            lost[row["group"], row[DROP_OP], row[DROP_REASON]] += row["count_all"]
    return lost


def _why(reasons: Counter[str]) -> str:
    told = [f"{reason} {count:,}" for reason, count in reasons.most_common(REASONS_TOLD)]
    more = len(reasons) - REASONS_TOLD
    return "\n".join([*told, *([f"and {more} more reasons"] if more > 0 else [])])
