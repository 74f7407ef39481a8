"""Rows to look at: the first of an artifact's data, and those that were dropped."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmloop.core.errors import DataError, closest
from lmloop.faces.terminal import console, line, paragraph
from lmloop.report.units import number

if TYPE_CHECKING:
    from rich.console import Console

Row = dict[str, Any]

TEXT_SHOWN = 600
DROPPED = "dropped"
STATS = "stats."


def kept(folder: Path, count: int) -> Iterator[Row]:
    """Give the first rows of an artifact's data."""
    if not (folder / "data").is_dir():
        raise DataError(f"{folder.name} holds no rows", hint="only steps that make records have rows to show")
    return islice(_rows(sorted((folder / "data").glob("*.parquet"))), count)


def dropped(folder: Path, count: int, op: str | None, reason: str | None) -> Iterator[Row]:
    """Give the first dropped rows, of one op or for one reason if asked."""
    if not (folder / DROPPED).is_dir():
        raise DataError(f"{folder.name} dropped nothing", hint="only steps that filter have a folder called dropped")
    paths = sorted((folder / DROPPED).glob("*.parquet"))
    _check_known(paths, op, reason)
    wanted = (
        row
        for row in _rows(paths)
        if (op is None or row["drop.op"] == op) and (reason is None or row["drop.reason"] == reason)
    )
    # where only samples are kept, those with a text come first
    return islice(_texts_first(wanted, count), count)


def print_rows(rows: Iterator[Row], as_json: bool) -> None:
    """Print rows for people, or one JSON object a line for programs."""
    if as_json:
        for row in rows:
            click.echo(json.dumps({name: _whole(name, value) for name, value in row.items()}, ensure_ascii=False))
        return
    out, place = console(), 0
    for place, row in enumerate(rows, start=1):
        if place > 1:
            out.print()
        _show(out, place, row)
    if not place:
        line(out, "no rows", "dim")


def _show(out: "Console", place: int, row: Row) -> None:
    meta = json.loads(row.get("meta") or "{}")
    told = [f"{row['drop.op']}: {row['drop.reason']}"] if row.get("drop.op") else []
    source = str(meta.pop("source", ""))
    line(out, f"{place}. " + "  ".join([*told, source or row["id"]]), "bold")
    numbers = _deciding(row)
    if numbers:
        paragraph(out, ", ".join(numbers), "cyan", indent=3)
    others = {**meta, **({"id": row["id"]} if source else {})}
    line(out, ", ".join(f"{name} {_plain(value)}" for name, value in others.items()), "dim", indent=3)
    for turn in row.get("prompt") or ():
        paragraph(out, f"{turn['role']}: {_cut(turn['text'])}", indent=3)
    for i, choice in enumerate(row.get("choices") or ()):
        paragraph(out, f"{'*' if i == row.get('answer') else '-'} {_cut(choice)}", indent=3)
    text = row.get("text")
    if text is None:
        line(out, "the text is not kept: run it with --set STEP.dropped=all", "dim italic", indent=3)
    elif text:
        paragraph(out, _cut(text.strip("\n")), indent=3)


def _rows(paths: list[Path]) -> Iterator[Row]:
    import pyarrow.parquet as pq

    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(256):
            yield from batch.to_pylist()


def _check_known(paths: list[Path], op: str | None, reason: str | None) -> None:
    """Say which ops and reasons there are where one is asked for that is not there."""
    import pyarrow.parquet as pq

    for column, wanted, what in (("drop.op", op, "op"), ("drop.reason", reason, "reason")):
        if wanted is None:
            continue
        known: set[str] = set()
        for path in paths:
            known.update(pq.read_table(path, columns=[column]).column(0).unique().to_pylist())
        if wanted not in known:
            raise DataError(f"no row was dropped by {what} {wanted!r}", hint=closest(wanted, known))


def _texts_first(rows: Iterator[Row], count: int) -> Iterator[Row]:
    later: list[Row] = []
    for row in rows:
        if row.get("text") is not None:
            yield row
        elif len(later) < count:
            later.append(row)
    yield from later


def _deciding(row: Row) -> list[str]:
    """Give the statistics of the op that dropped the row; JSON has those of all ops."""
    begin = f"{STATS}{row.get('drop.op')}."
    return [
        f"{name.removeprefix(begin).replace('_', ' ')} {_plain(value)}"
        for name, value in row.items()
        if name.startswith(begin) and value is not None
    ]


def _plain(value: Any) -> str:
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_SHOWN else f"{text[:TEXT_SHOWN].rstrip()} … ({len(text):,} characters)"


def _whole(name: str, value: Any) -> Any:
    return json.loads(value) if name == "meta" and value else value
