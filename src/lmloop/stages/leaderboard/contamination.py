"""Contamination: which questions stand in what a model was trained on, as far as that was made here.

From the weights one walks back to the records that training read. A question is taken for seen where it shares ``n``
words in a row with them, marks and case aside, or where all of a shorter one stands there (Brown et al. 2020, "Language
Models are Few-Shot Learners", appendix C); every hit is compared as text.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lmloop.core.card import Card
from lmloop.core.engine.shards import list_shards, read_shard
from lmloop.core.errors import DataError
from lmloop.core.progress import Progress
from lmloop.kernels.overlap import Spans, Units, all_overlaps, make_index, make_indexes, overlaps, units_of
from lmloop.scoring.means import Bounds, Mean, mean_of
from lmloop.stages.leaderboard.gathering import Board, Cell

N, LEAST = 13, 8
SHOWN = 20
"""So many questions with what was found are told by name."""

EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Hit:
    """A question that was seen: in how many documents, and one of them with the words that it shares."""

    record: str
    documents: int
    document: str
    words: str


@dataclass(frozen=True, slots=True)
class Clean:
    """A score without the questions that were seen: how many were, of how many, and where."""

    mean: Mean
    seen: int
    items: int
    documents: int
    read: tuple[str, ...]
    hits: tuple[Hit, ...]

    def told(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "mean": None if not self.mean.n else round(self.mean.mean, 6),
            "low": None if not self.mean.n else round(self.mean.low, 6),
            "high": None if not self.mean.n else round(self.mean.high, 6),
            "n": self.mean.n,
            "seen": self.seen,
            "items": self.items,
            "documents": self.documents,
            "read": list(self.read),
            "hits": [
                {"record": hit.record, "documents": hit.documents, "document": hit.document, "words": hit.words}
                for hit in self.hits
            ],
        }


@dataclass(slots=True)
class _Found:
    """What documents share with questions: the shared words, each with the document it stands in."""

    words: list[str]
    documents: list[str]
    read: int = 0


def clean_scores(board: Board, progress: Progress) -> dict[tuple[str, str], Clean]:
    """Score each model on the questions that it cannot have seen, where its training data is known."""
    found: dict[tuple[str, str], Clean] = {}
    for name, model in board.models.items():
        cells = {column: cell for (mine, column), cell in board.cells.items() if mine == name}
        folders = _read_by(next(iter(cells.values())).source.path.parent, model.folder) if model.folder else ()
        if not folders:
            continue
        texts = {column: _questions(cell) for column, cell in cells.items()}
        shared = _search(folders, [text for some in texts.values() for _, text in some], progress, name)
        for column, cell in cells.items():
            bounds = next(each.bounds for each in board.columns if each.name == column)
            found[name, column] = _clean(cell, bounds, texts[column], shared, tuple(path.name for path in folders))
    return found


def _read_by(home: Path, weights: str) -> tuple[Path, ...]:
    """Walk back from weights to the records that training read; through a tokenizer nothing is learned."""
    found, open_ends, seen = list[Path](), [weights], set[str]()
    while open_ends:
        name = open_ends.pop(0)
        if name in seen:
            continue
        seen.add(name)
        try:
            card = Card.read(home / name)
        except DataError:
            continue
        if card.makes == "records":
            found.append(home / name)
        elif card.makes in ("weights", "tokens"):
            open_ends += list(card.parents.values())
    return tuple(found)


def _questions(cell: Cell) -> list[tuple[str, str]]:
    """List each item's question and choices, to look for them one by one."""
    rows = cell.source.items.rows(list(cell.places), ["record", "question", "choices"])
    return [(row["record"], text) for row in rows for text in [row["question"], *(row["choices"] or ())] if text]


def _search(folders: Sequence[Path], texts: Sequence[str], progress: Progress, name: str) -> _Found:
    """Read all documents, and keep what they share with the texts."""
    known = make_indexes(texts, N, LEAST)
    shards = list_shards(list(folders))
    found = _Found([], [])
    with progress.bar(f"{name}: contamination", len(shards), "shards") as bar:
        for shard in shards:
            for batch in read_shard(shard.path):
                column = _texts(batch)
                units = units_of(column)
                found.read += batch.num_rows
                spans = all_overlaps(units, known)
                ids = batch.column("id")
                for row, words in _shared(column, units, spans):
                    found.words.append(words)
                    found.documents.append(f"{shard.path.parent.parent.name}: {ids[row].as_py()}")
            bar.advance(1)
    return found


def _texts(batch: Any) -> pa.Array:
    """Put all that a record says into one text: its prompt, its text, its choices."""
    rows = zip(*(batch.column(name).to_pylist() for name in ("prompt", "text", "choices")), strict=True)
    joined = [
        "\n".join([*(turn["text"] for turn in prompt or ()), text or "", *(choices or ())])
        for prompt, text, choices in rows
    ]
    return pa.array(joined, pa.string())


def _shared(column: pa.Array, units: Units, spans: Spans) -> Iterator[tuple[int, str]]:
    """Give the words of each span, in lower case, as they are compared."""
    for document, start, stop in zip(spans.document.tolist(), spans.start.tolist(), spans.stop.tolist(), strict=True):
        yield document, " ".join(_words(units, start, stop))


def _words(units: Units, start: int, stop: int) -> Iterator[str]:
    for unit in range(start, stop):
        yield units.data[units.start[unit] : units.start[unit] + units.width[unit]].tobytes().decode()


def _clean(
    cell: Cell, bounds: Bounds | None, texts: Sequence[tuple[str, str]], shared: _Found, read: tuple[str, ...]
) -> Clean:
    seen = _seen(texts, shared)
    records = cell.column("record").to_pylist()
    good = np.array([record not in seen for record in records], bool)
    values = cell.column("value").to_numpy(zero_copy_only=False).astype(float)
    kept = np.flatnonzero(good & ~np.isnan(values))
    clusters = cell.column("cluster").to_pylist()
    mean = mean_of(values[kept].tolist(), [clusters[place] for place in kept.tolist()], bounds=bounds)
    hits = tuple(
        Hit(record, len(set(where)), shared.documents[where[0]], shared.words[where[0]][:EXCERPT])
        for record, where in list(seen.items())[:SHOWN]
    )
    return Clean(mean, len(seen), len(records), shared.read, read, hits)


def _seen(texts: Sequence[tuple[str, str]], shared: _Found) -> Mapping[str, list[int]]:
    """Give of each question that was seen the places of the shared words: also where several questions share them."""
    found: dict[str, list[int]] = defaultdict(list)
    if not shared.words:
        return found
    units = units_of([text for _, text in texts])
    spans = overlaps(units, make_index(shared.words, N))
    for text, source in zip(spans.document.tolist(), spans.source.tolist(), strict=True):
        found[texts[text][0]].append(source)
    short = {tuple(words.split()): place for place, words in enumerate(shared.words) if len(words.split()) < N}
    sizes = np.diff(units.first)
    for text in np.flatnonzero((sizes >= LEAST) & (sizes < N)).tolist():
        words = tuple(_words(units, int(units.first[text]), int(units.first[text + 1])))
        if words in short:
            found[texts[text][0]].append(short[words])
    return found
