"""Which documents were taken for copies of each other: the groups by size, and the largest of them to look at."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import STATS
from lmloop.core.engine.shards import DATA, DROPPED, read_chosen, read_columns
from lmloop.core.op import DROP_OP, Barrier, Op
from lmloop.kernels.minhash import jaccard, shingles
from lmloop.kernels.text import text_buffer
from lmloop.report import blocks
from lmloop.report.masks import Masker

EXCERPT = 1500
CLUSTERS_PER_OP = 12
MEMBERS = 5
SIZES = ((2, "2"), (3, "3"), (4, "4"), (9, "5 to 9"), (49, "10 to 49"), (math.inf, "50 and more"))


def clusters(out: Path, ops: Sequence[Op], mask: Masker) -> list[blocks.Block]:
    """Show how large the groups of copies are that each deduplication found, and the largest of them."""
    found: list[blocks.Block] = []
    for op in ops:
        column = f"{STATS}{op.name()}.cluster"
        if isinstance(op, Barrier) and (sizes := _cluster_sizes(out, op.name(), column)):
            largest = [cluster for cluster, _ in sizes.most_common(CLUSTERS_PER_OP)]
            members = _members(out, column, largest)
            shown = [_cluster(members[cluster], sizes[cluster] + 1, mask) for cluster in largest if members[cluster]]
            note = f"the {len(shown)} largest of {len(sizes):,} groups"
            found.append(_by_size(op.name(), sizes))
            found.append(blocks.Clusters(f"{op.name()}: documents taken for copies", tuple(shown), note=note))
    return found


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
        for table in read_chosen(out / folder, columns, column, lambda clusters: pc.is_in(clusters, which)):
            for row in table.filter(pc.is_valid(table.column("text"))).to_pylist():
                if len(members[row[column]]) < MEMBERS:
                    members[row[column]].append({**row, "kept": folder == DATA})
    return members


def _by_size(op: str, sizes: Counter[int]) -> blocks.Bars:
    """Count the groups by how many texts they have."""
    counts: Counter[str] = Counter()
    for lost in sizes.values():
        counts[next(name for most, name in SIZES if lost + 1 <= most)] += 1
    names = tuple(name for _, name in SIZES if counts[name])
    note = f"{len(sizes):,} groups; {sizes.total():,} copies were dropped, and the first of each group was kept"
    series = blocks.Series("groups", tuple(counts[name] for name in names))
    return blocks.Bars(f"{op}: groups by their number of texts", names, (series,), note=note)


def _cluster(rows: Sequence[dict[str, Any]], size: int, mask: Masker) -> blocks.Cluster:
    texts = mask([row["text"] for row in rows])
    rows = [{**row, "text": text} for row, text in zip(rows, texts, strict=True)]
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
