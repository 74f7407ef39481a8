"""What two curations thought of the same rows: which changed verdict, from what to what."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.dropped import find_deciders, originals, with_bounds
from lmloop.core.engine.shards import DATA, DROPPED, read_columns
from lmloop.core.op import DROP_OP, DROP_REASON

KEPT, ABSENT = "kept", "not there"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Changed:
    """Rows whose verdict changed in one way: how many, and some of them as both runs hold them."""

    before: str
    after: str
    rows: int
    samples: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """All rows of two curations: how many have the verdict that they had, and the others by what changed."""

    same: int
    changed: tuple[Changed, ...]

    @property
    def rows(self) -> int:
        """How many rows changed."""
        return sum(each.rows for each in self.changed)


def is_curated(folder: Path) -> bool:
    """Say whether a run sorted rows into kept and dropped."""
    return (folder / DATA).is_dir() and (folder / DROPPED).is_dir()


def changes(before: Path, after: Path, settings: Sequence[Any] = ((), ()), samples: int = 3) -> Changes:
    """Compare two curations row by row, by id; ``settings`` are the chains of both, to name what decided.

    The ``samples`` rows of each change hold ``id``, ``meta``, ``text`` and, of the run that dropped the row, what
    decided. The text is the kept one where there is one, or else one that was kept among the dropped.
    """
    joined = _verdicts(before).join(_verdicts(after), "id", join_type="full outer", right_suffix="_after")
    old, new = (pc.fill_null(joined.column(name), ABSENT) for name in ("verdict", "verdict_after"))
    both = pa.table({"id": joined.column("id"), "before": old, "after": new})
    differ = pc.not_equal(both.column("before"), both.column("after"))
    moved = both.filter(differ).sort_by([("id", "ascending")])
    counts: Counter[tuple[str, str]] = Counter()
    for row in moved.group_by(["before", "after"]).aggregate([([], "count_all")]).to_pylist():
        counts[row["before"], row["after"]] += row["count_all"]
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ids = {pair: _some_ids(moved, *pair, samples) for pair, _ in order}
    rows = _look_up(before, after, settings, [row for found in ids.values() for row in found])
    changed = tuple(Changed(*pair, count, tuple(rows[row] for row in ids[pair])) for pair, count in order)
    return Changes(both.num_rows - moved.num_rows, changed)


def _verdicts(folder: Path) -> pa.Table:
    """Give each row's id and its verdict: kept, or the op and the reason that it was dropped for."""
    parts = [pa.table({"id": pa.array([], pa.string()), "verdict": pa.array([], pa.string())})]
    kept = read_columns(folder / DATA, ["id"])
    parts += [table.append_column("verdict", pa.array([KEPT] * table.num_rows, pa.string())) for table in kept]
    for table in read_columns(folder / DROPPED, ["id", DROP_OP, DROP_REASON]):
        verdict = pc.binary_join_element_wise(table.column(DROP_OP), table.column(DROP_REASON), ": ")
        parts.append(pa.table({"id": table.column("id"), "verdict": verdict}))
    return pa.concat_tables(parts)


def _some_ids(moved: pa.Table, before: str, after: str, count: int) -> list[str]:
    mine = pc.and_(pc.equal(moved.column("before"), before), pc.equal(moved.column("after"), after))
    found: list[str] = moved.filter(mine).column("id").slice(0, count).to_pylist()
    return found


def _look_up(before: Path, after: Path, settings: Sequence[Any], ids: Sequence[str]) -> Mapping[str, Row]:
    """Find what is to be shown of some rows in both runs."""
    found: dict[str, Row] = {row: {"id": row, "text": None, "meta": "", "judged": []} for row in ids}
    wanted = pa.array(list(found), pa.string())
    for folder, ops in zip((before, after), settings, strict=True):
        for table in read_columns(folder / DATA, ["id", "text", "meta"]):
            for row in table.filter(pc.is_in(table.column("id"), wanted)).to_pylist():
                found[row["id"]].update(text=row["text"], meta=row["meta"])
        deciders = find_deciders(folder, ops) if len(ops) else {}
        for table in read_columns(folder / DROPPED, None):
            mine = table.filter(pc.is_in(table.column("id"), wanted))
            for row in with_bounds(mine, deciders).to_pylist():
                held = found[row["id"]]
                held["meta"] = held["meta"] or row["meta"]
                held["text"] = held["text"] if held["text"] is not None else row["text"]
                if row["drop.statistic"]:
                    held["judged"].append((row["drop.statistic"], row["drop.value"], row["drop.bound"]))
    return found


def with_originals(found: Changes, folders: Sequence[Path]) -> Changes:
    """Look up the texts of samples that neither run kept in what they were made from."""
    missing = [row["id"] for each in found.changed for row in each.samples if row["text"] is None]
    texts = originals([folder for folder in folders if folder.is_dir()], missing) if missing else {}
    changed = tuple(
        Changed(
            each.before,
            each.after,
            each.rows,
            tuple({**row, "text": texts.get(row["id"])} if row["text"] is None else row for row in each.samples),
        )
        for each in found.changed
    )
    return Changes(found.same, changed)
