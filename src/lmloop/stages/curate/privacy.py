"""Personal data in what is shown: masked wherever a text is shown, counted by kind, and seen only as masks."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow.compute as pc

from lmloop.core.batch import STATS, from_texts
from lmloop.core.engine.shards import DATA, DROPPED, list_columns, read_columns
from lmloop.core.op import Op
from lmloop.core.part import build
from lmloop.report import blocks

NAME = "pii"
EXAMPLES_PER_KIND = 4
AROUND = 160
"""So many characters around a mask are shown."""

Masker = Callable[[Sequence[str]], list[str]]


def masker(ops: Sequence[Op]) -> Masker:
    """Give what masks personal data in texts, if the chain looks for it; else it gives texts as they are.

    All texts that the report shows go through it, also those that were dropped before the op saw them.
    """
    known = [op for op in ops if op.name() == NAME]
    if not known:
        return list
    mask = cast(Op, build("ops", {**known[0].spec(), "action": "mask"}))
    return lambda texts: mask(from_texts(texts)).texts if len(texts) else []


def personal_data(out: Path, ops: Sequence[Op], mask: Masker) -> list[blocks.Block]:
    """Show how much personal data was found, by kind, and some of it, masked."""
    if not any(op.name() == NAME for op in ops):
        return []
    prefix = f"{STATS}{NAME}."
    kinds = [name for name in list_columns(out / DATA) if name.startswith(prefix) and name != f"{prefix}found"]
    found, documents = _counts(out, kinds)
    if not found:
        return [
            blocks.Numbers("Personal data", (blocks.Figure("found", 0, caption="in no document that was looked at"),))
        ]
    order = [kind for kind, _ in found.most_common()]
    names = tuple(kind.removeprefix(prefix) for kind in order)
    series = (
        blocks.Series("in documents", tuple(documents[kind] for kind in order)),
        blocks.Series("found", tuple(found[kind] for kind in order)),
    )
    shown = [example for kind in order for example in _examples(out, kind, kind.removeprefix(prefix), mask)]
    note = "only masked: neither this page nor the data behind it holds what was found"
    return [
        blocks.Bars("Personal data by kind", names, series),
        blocks.Examples("Personal data where it stood", tuple(shown), note=note),
    ]


def _counts(out: Path, kinds: Sequence[str]) -> tuple[Counter[str], Counter[str]]:
    found: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    for folder in (DATA, DROPPED):
        for table in read_columns(out / folder, ["id", *kinds]):
            for kind in set(kinds) & set(table.schema.names):
                column = table.column(kind)
                found[kind] += pc.sum(column).as_py() or 0
                documents[kind] += pc.sum(pc.greater(column, 0)).as_py() or 0
    return +found, documents


def _examples(out: Path, column: str, kind: str, mask: Masker) -> list[blocks.Example]:
    examples: list[blocks.Example] = []
    wanted = re.compile(re.escape(f"[{kind.upper()}]"))
    for folder in (DATA, DROPPED):
        for table in read_columns(out / folder, ["id", "text", "meta", column]):
            if column not in table.schema.names:
                continue
            some = pc.and_(pc.greater(table.column(column), 0), pc.is_valid(table.column("text")))
            rows: list[dict[str, Any]] = table.filter(pc.fill_null(some, False)).slice(0, EXAMPLES_PER_KIND).to_pylist()
            texts = mask([row["text"] for row in rows])
            for row, text in zip(rows, texts, strict=True):
                if (match := wanted.search(text)) and len(examples) < EXAMPLES_PER_KIND:
                    examples.append(_example(row, text, match, kind, kept=folder == DATA))
    return examples


def _example(row: dict[str, Any], text: str, match: re.Match[str], kind: str, kept: bool) -> blocks.Example:
    start, stop = max(match.start() - AROUND, 0), min(match.end() + AROUND, len(text))
    shown = f"{'… ' if start else ''}{text[start:stop]}{' …' if stop < len(text) else ''}"
    at = match.start() - start + (2 if start else 0)
    span = blocks.Span(at, at + len(match.group()), kind)
    source = re.search(r'"source":"([^"]*)"', row["meta"] or "")
    return blocks.Example(kind, shown, id=row["id"], source=source[1] if source else "", spans=(span,), kept=kept)
