"""Documents that were taken for copies of each other, cluster by cluster, with the one that stayed."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmloop.core.errors import DataError, closest
from lmloop.faces.terminal import console, line, paragraph

if TYPE_CHECKING:
    from lmloop.core.card import Card
    from lmloop.report.masks import Masker

COLUMN = ".cluster"
MEMBERS = 8
EXCERPT = 200

Cluster = dict[str, Any]


def clusters(folder: Path, card: "Card", count: int, op: str | None, mask: "Masker" = list) -> Iterator[Cluster]:
    """Give the largest clusters of each deduplication, or of the one asked for: their members, the kept one first.

    A member's ``similarity`` is the Jaccard similarity of its shingles to those of the kept one, as the op cuts them
    (of others than ``minhash``: five words); None where one of the texts is not there any more. The texts are masked
    after that.
    """
    ops = _ops(folder)
    if op is not None and op not in ops:
        raise DataError(f"{folder.name} has no clusters of {op!r}", hint=closest(op, ops))
    if not ops:
        raise DataError(f"{folder.name} has no clusters", hint="only exact, exact-url and minhash make some")
    for name in [op] if op else ops:
        sizes = _sizes(folder, name)
        members = _members(folder, name, dict(sizes.most_common(count or None)))
        for cluster, lost in sizes.most_common(count or None):
            rows = sorted(members[cluster], key=lambda row: not row["kept"])
            _compare(rows, _settings(card, name))
            for row, text in zip(rows, mask([row["text"] or "" for row in rows]), strict=True):
                row["text"] = row["text"] and text
            yield {"op": name, "cluster": cluster, "size": lost + 1, "of": len(sizes), "members": rows}


def print_clusters(found: Iterator[Cluster], as_json: bool) -> None:
    """Print clusters for people, or one JSON object a line for programs."""
    if as_json:
        for cluster in found:
            click.echo(json.dumps(cluster, ensure_ascii=False))
        return
    out, op, place = console(), None, 0
    for cluster in found:
        if cluster["op"] != op:
            op, place = cluster["op"], 0
            line(out, f"{op}: the largest of {cluster['of']:,} clusters", "bold")
        place += 1
        out.print()
        line(out, f"{place}. {cluster['size']:,} documents", "bold", indent=2)
        for row in cluster["members"][:MEMBERS]:
            alike = "" if row["similarity"] is None else f"{row['similarity']:.2f}"
            told = "kept" if row["kept"] else alike or "-"
            line(out, f"{told:>5}  {row['source'] or row['id']}", "green" if row["kept"] else "cyan", indent=4)
            text = row["text"]
            paragraph(out, "(the text is not kept)" if text is None else _cut(text), indent=11)
        if cluster["size"] > MEMBERS:
            line(out, f"and {cluster['size'] - MEMBERS:,} more", "dim", indent=4)


def _ops(folder: Path) -> list[str]:
    """List the ops that made clusters, in the order of their columns."""
    from lmloop.core.engine.shards import DATA, DROPPED, list_columns

    names = dict.fromkeys([*list_columns(folder / DATA), *list_columns(folder / DROPPED)])
    return [name.removeprefix("stats.").removesuffix(COLUMN) for name in names if name.endswith(COLUMN)]


def _sizes(folder: Path, op: str) -> Counter[int]:
    """Count the rows that each cluster lost."""
    import pyarrow.compute as pc

    from lmloop.core.engine.shards import DROPPED, read_columns

    column, sizes = f"stats.{op}{COLUMN}", Counter[int]()
    for table in read_columns(folder / DROPPED, ["drop.op", column]):
        if column in table.column_names:
            mine = table.filter(pc.equal(table.column("drop.op"), op)).column(column)
            sizes.update({row["values"]: row["counts"] for row in pc.value_counts(mine).to_pylist()})
    return sizes


def _members(folder: Path, op: str, wanted: Mapping[int, int]) -> dict[int, list[dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    from lmloop.core.engine.shards import DATA, DROPPED, read_chosen

    column, which = f"stats.{op}{COLUMN}", pa.array(list(wanted), pa.uint64())
    columns = ["id", "text", "meta", "drop.op", column]
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for name in (DATA, DROPPED):
        for table in read_chosen(folder / name, columns, column, lambda clusters: pc.is_in(clusters, which)):
            for row in table.to_pylist():
                kept = row.get("drop.op") != op
                source = str((json.loads(row["meta"]) if row["meta"] else {}).get("source", ""))
                found[row[column]].append({"id": row["id"], "source": source, "kept": kept, "text": row["text"]})
    return found


def _settings(card: "Card", op: str) -> dict[str, Any]:
    """Find how the op cuts shingles, in the settings of its step."""
    specs = [spec for spec in card.settings.get("ops", []) if isinstance(spec, dict) and spec.get("use") == op]
    return {name: spec[name] for spec in specs[:1] for name in ("unit", "n") if op == "minhash" and name in spec}


def _compare(rows: list[dict[str, Any]], settings: Mapping[str, Any]) -> None:
    import pyarrow as pa

    from lmloop.kernels.minhash import jaccard
    from lmloop.kernels.shingles import shingle_sets

    texts = pa.array([row["text"] or "" for row in rows], pa.string())
    sets = shingle_sets(texts, settings.get("unit", "word"), settings.get("n", 5))
    first = sets.hash[sets.first[0] : sets.first[1]]
    for place, row in enumerate(rows):
        there = row["text"] is not None and rows[0]["text"] is not None
        mine = sets.hash[sets.first[place] : sets.first[place + 1]]
        row["similarity"] = round(jaccard(first, mine), 4) if there else None


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= EXCERPT else f"{plain[:EXCERPT]} …"
