"""Texts to look at: what was dropped and why, and which documents were taken for copies of each other."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import STATS
from lmloop.core.engine.chain import DROPPED
from lmloop.core.engine.shards import DATA, read_columns
from lmloop.core.op import DROP_OP, DROP_REASON, Barrier, Op
from lmloop.kernels.minhash import jaccard, shingles
from lmloop.kernels.text import text_buffer
from lmloop.report import blocks

EXAMPLES_PER_REASON = 5
EXCERPT = 1500
CLUSTERS_PER_OP = 12
MEMBERS = 5


def examples(out: Path) -> list[blocks.Block]:
    """Show a few dropped texts for each op and reason."""
    shown: Counter[tuple[str, str]] = Counter()
    found = []
    for row in _dropped_texts(out):
        place = row[DROP_OP], row[DROP_REASON]
        shown[place] += 1
        if shown[place] <= EXAMPLES_PER_REASON:
            found.append((place, _example(row)))
    if not found:
        return []
    found.sort(key=lambda pair: pair[0])
    note = f"up to {EXAMPLES_PER_REASON} for each reason; lmloop show RUN --dropped shows all"
    return [blocks.Examples("What was dropped, and why", tuple(example for _, example in found), note=note)]


def clusters(out: Path, ops: Sequence[Op]) -> list[blocks.Block]:
    """Show the largest groups of copies that each deduplication found."""
    found: list[blocks.Block] = []
    for op in ops:
        column = f"{STATS}{op.name()}.cluster"
        if isinstance(op, Barrier) and (sizes := _cluster_sizes(out, op.name(), column)):
            largest = [cluster for cluster, _ in sizes.most_common(CLUSTERS_PER_OP)]
            members = _members(out, column, largest)
            shown = [_cluster(members[cluster], sizes[cluster] + 1) for cluster in largest if members[cluster]]
            note = f"the {len(shown)} largest of {len(sizes):,} groups"
            found.append(blocks.Clusters(f"{op.name()}: documents taken for copies", tuple(shown), note=note))
    return found


def _dropped_texts(out: Path) -> Iterator[dict[str, Any]]:
    for table in read_columns(out / DROPPED, None):
        yield from table.filter(pc.is_valid(table.column("text"))).to_pylist()


def _example(row: dict[str, Any]) -> blocks.Example:
    prefix = f"{STATS}{row[DROP_OP]}."
    stats: dict[str, int | float | None] = {
        name.removeprefix(prefix): value
        for name, value in row.items()
        if name.startswith(prefix) and isinstance(value, int | float) and not name.endswith(".cluster")
    }
    return blocks.Example(
        reason=row[DROP_REASON],
        text=_excerpt(row["text"]),
        op=row[DROP_OP],
        id=row["id"],
        source=_source(row),
        stats=stats,
    )


def _cluster_sizes(out: Path, op: str, column: str) -> Counter[int]:
    """Count the rows that each cluster lost."""
    sizes: Counter[int] = Counter()
    for table in read_columns(out / DROPPED, [DROP_OP, column]):
        if column in table.schema.names:
            mine = table.filter(pc.equal(table.column(DROP_OP), op)).column(column)
            sizes.update({row["values"]: row["counts"] for row in pc.value_counts(mine).to_pylist()})
    return sizes


def _members(out: Path, column: str, wanted: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Find the rows of some clusters: the one that was kept first, then a few of the dropped ones."""
    members: dict[int, list[dict[str, Any]]] = defaultdict(list)
    which = pa.array(wanted, pa.uint64())
    columns = ["id", "text", "meta", column]
    for folder in (DATA, DROPPED):
        for table in read_columns(out / folder, columns):
            if column not in table.schema.names:
                continue
            chosen = pc.and_(pc.is_in(table.column(column), which), pc.is_valid(table.column("text")))
            for row in table.filter(chosen).to_pylist():
                if len(members[row[column]]) < MEMBERS:
                    members[row[column]].append({**row, "kept": folder == DATA})
    return members


def _cluster(rows: Sequence[dict[str, Any]], size: int) -> blocks.Cluster:
    sets = shingles(text_buffer(pa.array([row["text"] for row in rows], pa.string())))
    members = tuple(
        blocks.Member(row["id"], _excerpt(row["text"]), _source(row), jaccard(sets[0], mine))
        for row, mine in zip(rows, sets, strict=True)
    )
    return blocks.Cluster(rows[0]["id"], size, members)


def _excerpt(text: str) -> str:
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]} …"


def _source(row: dict[str, Any]) -> str:
    meta = json.loads(row["meta"]) if row["meta"] else {}
    return str(meta.get("source", ""))
