"""Rows to look at: the first of an artifact's data, and those that were dropped."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmloop.core.errors import DataError
from lmloop.faces.terminal import console, line, paragraph
from lmloop.report.units import number

if TYPE_CHECKING:
    from rich.console import Console

    from lmloop.core.card import Card
    from lmloop.core.dropped import Choice
    from lmloop.report.masks import Masker

Row = dict[str, Any]

TEXT_SHOWN = 600
LOOKED_UP = 2000
"""So many rows' texts are looked up at a time."""
AS_READ = "drop.text_as_read"
STATS = "stats."


def kept(folder: Path, count: int) -> Iterator[Row]:
    """Give the first rows of an artifact's data."""
    if not (folder / "data").is_dir():
        raise DataError(f"{folder.name} holds no rows", hint="only steps that make records have rows to show")
    return islice(_rows(sorted((folder / "data").glob("*.parquet"))), count)


def dropped(folder: Path, card: "Card", choice: "Choice") -> Iterator[Row]:
    """Give dropped rows; a text that was not kept is looked up in what the run was made from."""
    from lmloop.core.dropped import find, originals

    parents = [folder.parent / parent for parent in card.parents.values()]
    found = find(folder, card.settings.get("ops") or (), choice)
    while chunk := list(islice(found, LOOKED_UP)):
        missing = [row["id"] for row in chunk if row["text"] is None]
        texts = originals([parent for parent in parents if parent.is_dir()], missing) if missing else {}
        for row in chunk:
            looked_up = {"text": texts[row["id"]], AS_READ: True} if row["id"] in texts else {}
            yield {**row, **looked_up}


def masked(rows: Iterator[Row], mask: "Masker") -> Iterator[Row]:
    """Mask personal data in the texts, turns and choices of rows."""
    while chunk := list(islice(rows, LOOKED_UP)):
        said = iter(mask([text for row in chunk for text in _said(row)]))
        for row in chunk:
            text = next(said)
            prompt = [{**turn, "text": next(said)} for turn in row.get("prompt") or ()]
            choices = [next(said) for _ in row.get("choices") or ()]
            found = {"text": text if row.get("text") else None, "prompt": prompt, "choices": choices}
            yield {name: found.get(name) or value for name, value in row.items()}


def _said(row: Row) -> list[str]:
    """Give all texts of a row: its own, those of its turns, its choices."""
    turns = [turn["text"] or "" for turn in row.get("prompt") or ()]
    return [row.get("text") or "", *turns, *(row.get("choices") or ())]


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
    if row.get("drop.statistic"):
        line(out, _judged(row), "yellow", indent=3)
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
    elif row.get(AS_READ):
        line(out, "the text as it was before this step:", "dim italic", indent=3)
    if text:
        paragraph(out, _cut(text.strip("\n")), indent=3)


def _rows(paths: list[Path]) -> Iterator[Row]:
    import pyarrow.parquet as pq

    for path in paths:
        for batch in pq.ParquetFile(path).iter_batches(256):
            yield from batch.to_pylist()


def _judged(row: Row) -> str:
    """Say what decided: ``words 38 < 50``."""
    value, bound = row["drop.value"], row["drop.bound"]
    name = row["drop.statistic"].replace("_", " ")
    return f"{name} {_plain(value)} {'<' if value < bound else '>'} {_plain(bound)}"


def _deciding(row: Row) -> list[str]:
    """Give the statistics of the op that dropped the row; JSON has those of all ops."""
    begin = f"{STATS}{row.get('drop.op')}."
    decider = f"{begin}{row.get('drop.statistic')}"
    return [
        f"{name.removeprefix(begin).replace('_', ' ')} {_plain(value)}"
        for name, value in row.items()
        if name.startswith(begin) and name != decider and value is not None
    ]


def _plain(value: Any) -> str:
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_SHOWN else f"{text[:TEXT_SHOWN].rstrip()} … ({len(text):,} characters)"


def _whole(name: str, value: Any) -> Any:
    return json.loads(value) if name == "meta" and value else value
