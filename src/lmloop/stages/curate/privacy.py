"""Personal data that was found: counted by kind, and shown only as masks."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import STATS
from lmloop.core.engine.shards import DATA, DROPPED, list_columns, read_chosen, read_columns
from lmloop.core.op import Op
from lmloop.report import blocks
from lmloop.report.masks import PII, Masker

EXAMPLES_PER_KIND = 4
AROUND = 160
"""So many characters around a mask are shown."""


def personal_data(out: Path, ops: Sequence[Op], mask: Masker) -> list[blocks.Block]:
    """Show how much personal data was found, by kind, and some of it, masked."""
    if not any(op.name() == PII for op in ops):
        return []
    prefix = f"{STATS}{PII}."
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
    note = "only masked: this page holds nothing of what was found"
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
        for table in read_chosen(out / folder, ["id", "text", "meta"], column, _some):
            rows = table.filter(pc.is_valid(table.column("text"))).slice(0, EXAMPLES_PER_KIND).to_pylist()
            texts = mask([row["text"] for row in rows])
            for row, text in zip(rows, texts, strict=True):
                if match := wanted.search(text):
                    examples.append(_example(row, text, match, kind, kept=folder == DATA))
                if len(examples) == EXAMPLES_PER_KIND:
                    return examples
    return examples


def _some(found: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.greater(found, 0), False)


def _example(row: dict[str, Any], text: str, match: re.Match[str], kind: str, kept: bool) -> blocks.Example:
    start, stop = max(match.start() - AROUND, 0), min(match.end() + AROUND, len(text))
    shown = f"{'… ' if start else ''}{text[start:stop]}{' …' if stop < len(text) else ''}"
    at = match.start() - start + (2 if start else 0)
    span = blocks.Span(at, at + len(match.group()), kind)
    source = re.search(r'"source":"([^"]*)"', row["meta"] or "")
    return blocks.Example(kind, shown, id=row["id"], source=source[1] if source else "", spans=(span,), kept=kept)
