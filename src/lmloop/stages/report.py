"""Report: one page that shows all that its inputs came from, step by step."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, get_args

from lmloop.core.card import Card
from lmloop.core.errors import DataError
from lmloop.core.lineage import ancestors
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.core.verdicts import is_curated
from lmloop.report import blocks
from lmloop.report.changes import change_blocks
from lmloop.report.page import Section, render

PAGE = "report.html"


class Report(Step):
    """Draw one self-contained HTML page of everything that the inputs came from.

    Each step that left blocks has its section, in the order in which they were made, and a drawing of the
    lineage comes last. Two curations among the inputs are compared: which rows changed verdict. ``title`` stands at
    the top.
    """

    takes: ClassVar[tuple[Kind, ...]] = tuple(kind for kind in get_args(Kind) if kind not in ("log", "report"))
    makes: ClassVar[Kind] = "report"

    tells: ClassVar[bool] = True

    title: str = "What was made, and from what"

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Gather the blocks of all ancestors and write the page."""
        cards = _gather(inputs)
        home = inputs[0].run.parent
        sections = [_section(card, home) for card in cards]
        sections += [_part(item) for item in inputs if item.part]
        shown = [section for section in sections if section.blocks]
        shown += _changes(inputs)
        lineage = Section("lineage", "what came from what", blocks=(_lineage(cards),))
        page = render(self.title, [*shown, lineage], _facts(cards))
        (out / PAGE).write_text(page, encoding="utf-8")
        return {"sections": len(shown), "bytes": len(page.encode())}


def _gather(inputs: Sequence[Artifact]) -> list[Card]:
    """List the cards of the inputs and of all they came from, parents before children."""
    found: dict[str, Card] = {}
    for item in inputs:
        deepest_first = sorted(ancestors(item.run.parent, item.run), key=lambda ancestor: -ancestor.depth)
        found.update((ancestor.folder, ancestor.card) for ancestor in deepest_first if ancestor.card)
    return list(found.values())


def _section(card: Card, home: Path) -> Section:
    place = home / card.folder / BLOCKS
    shown = blocks.read(place) if place.exists() else ()
    return Section(card.id, card.use, card.folder, card.key, card.seconds, shown)


def _part(item: Artifact) -> Section:
    place = item.path / BLOCKS
    shown = blocks.read(place) if place.exists() else ()
    return Section(item.id, "a part of its result", item.run.name, blocks=tuple(shown))


def _changes(inputs: Sequence[Artifact]) -> list[Section]:
    """Compare each curation among the inputs with the one before it."""
    curated = [item.path for item in inputs if is_curated(item.path)]
    found = []
    for before, after in pairwise(curated):
        shown = change_blocks(before, after)
        found.append(Section("changes", "rows that changed verdict", after.name, blocks=tuple(shown)))
    return found


def _lineage(cards: Sequence[Card]) -> blocks.Lineage:
    names = {card.folder: card.id for card in cards}
    nodes = []
    for card in cards:
        parents = [names.get(parent, parent) for parent in card.parents.values()]
        if card.outside:
            files = f"{card.id}: files"
            nodes.append(blocks.Node(files, "file", rows=card.outside.get("files")))
            parents.append(files)
        rows = card.metrics.get("records")
        nodes.append(blocks.Node(card.id, card.use, card.folder, card.key, tuple(parents), card.seconds, rows))
    logs = {parent for node in nodes for parent in node.parents} - {node.id for node in nodes}
    nodes = [*(blocks.Node(log, "log") for log in sorted(logs)), *nodes]
    return blocks.Lineage("What came from what", tuple(nodes))


def _facts(cards: Sequence[Card]) -> dict[str, str]:
    if not cards:
        raise DataError("there is nothing to report on")
    last = cards[-1]
    return {
        "recipe": last.recipe,
        "seed": str(last.seed),
        "finished": last.finished.replace("T", " ").removesuffix("+00:00") + " UTC",
        "lmloop": last.versions.get("lmloop", ""),
        "Python": last.versions.get("python", ""),
    }
