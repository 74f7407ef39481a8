"""Packed tokens made by hand, for those who read them."""

from pathlib import Path

import numpy as np

from lmloop.kernels.packed import DATA, Index, Piece, PieceWriter

BEGIN, END = 1, 2


def make_tokens(folder: Path, documents: dict[str, list[list[int]]], vocabulary: int = 64, pieces: int = 2) -> Index:
    """Pack documents (ids, by source; ``held/NAME`` for what is held out) into some pieces a source."""
    (folder / DATA).mkdir(parents=True)
    found = []
    for source, texts in documents.items():
        for number in range(pieces):
            writer = PieceWriter("uint16")
            for ids in texts[number::pieces]:
                writer.add(([*map(np.array, ([BEGIN], ids, [END]))]), 3 * len(ids))
            name = f"{len(found):05d}"
            writer.write(folder / DATA, name)
            held = source.startswith("held/")
            sizes = (len(writer.lengths), sum(writer.lengths), sum(writer.sizes))
            found.append(Piece(name, source.removeprefix("held/"), held, *sizes))
    index = Index(vocabulary, "uint16", "0" * 32, BEGIN, END, tuple(found))
    index.write(folder)
    return index


def some_documents(count: int, seed: int, most: int = 40) -> list[list[int]]:
    """Make documents that can be learned: each token follows from the one before, mostly."""
    chance = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        ids = [int(chance.integers(3, 64))]
        for _ in range(int(chance.integers(1, most))):
            ids.append((ids[-1] * 5 + 7) % 61 + 3 if chance.random() < 0.9 else int(chance.integers(3, 64)))
        found.append(ids)
    return found
