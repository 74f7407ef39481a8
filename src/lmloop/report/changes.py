"""What changed between two curations, as blocks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmloop.core.card import Card
from lmloop.core.verdicts import Changed, Changes, Row, changes, with_originals
from lmloop.report import blocks
from lmloop.report.masks import Masker, runs_masker

EXCERPT = 1200
TEXT_NOT_KEPT = "(the text was not kept)"


def changes_between(before: Path, after: Path, samples: int = 3, unmask: bool = False) -> Changes:
    """Compare two finished curations, the texts of samples looked up where neither kept them.

    Personal data in them is masked if one of the two looked for it, but where asked to ``unmask``.
    """
    cards = Card.read(before), Card.read(after)
    found = changes(before, after, [_ops(card) for card in cards], samples)
    parents = {
        folder.parent / name
        for folder, card in zip((before, after), cards, strict=True)
        for name in card.parents.values()
    }
    return _masked(with_originals(found, sorted(parents)), runs_masker(cards, unmask))


def change_blocks(before: Path, after: Path) -> list[blocks.Block]:
    """Show which rows changed verdict, and some of them, personal data masked if one of the two looked for it."""
    found = changes_between(before, after)
    figures = (
        blocks.Figure("rows with another verdict", found.rows),
        blocks.Figure("with the same", found.same),
        blocks.Figure("kept only before", _count(found, True, False), caption=before.name),
        blocks.Figure("kept only after", _count(found, False, True), caption=after.name),
    )
    shown: list[blocks.Block] = [blocks.Numbers(f"What changed from {before.name} to {after.name}", figures)]
    if found.changed:
        rows = tuple((each.before, each.after, each.rows) for each in found.changed)
        shown.append(blocks.Table("Verdicts that changed", ("before", "after", "rows"), rows))
        examples = tuple(_example(each, row) for each in found.changed for row in each.samples)
        shown.append(blocks.Examples("Rows whose verdict changed", examples))
    return shown


def judged(row: Row) -> str:
    """Say what decided about a row: ``words 38 < 50``."""
    told = [
        f"{name.replace('_', ' ')} {value:.4g} {'<' if value < bound else '>'} {bound:g}"
        for name, value, bound in row["judged"]
    ]
    return ", ".join(told)


def source_of(row: Row) -> str:
    """Give the place that a row is from."""
    meta = json.loads(row["meta"]) if row["meta"] else {}
    return str(meta.get("source", ""))


def _ops(card: Card) -> Sequence[Mapping[str, Any]]:
    ops: Sequence[Mapping[str, Any]] = card.settings.get("ops") or ()
    return ops


def _count(found: Changes, before: bool, after: bool) -> int:
    return sum(
        each.rows for each in found.changed if (each.before == "kept") == before and (each.after == "kept") == after
    )


def _masked(found: Changes, mask: Masker) -> Changes:
    changed = []
    for each in found.changed:
        texts = mask([row["text"] or "" for row in each.samples])
        samples = [row | {"text": row["text"] and text} for row, text in zip(each.samples, texts, strict=True)]
        changed.append(replace(each, samples=tuple(samples)))
    return replace(found, changed=tuple(changed))


def _example(each: Changed, row: Row) -> blocks.Example:
    text = row["text"] if row["text"] is not None else TEXT_NOT_KEPT
    reason = f"{each.before} → {each.after}"
    return blocks.Example(reason, text[:EXCERPT], judged(row), row["id"], source_of(row), kept=each.after == "kept")
