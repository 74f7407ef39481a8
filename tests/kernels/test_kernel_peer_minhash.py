"""datatrove's MinHash, written plainly with its own packages' pieces, against the kernels."""

import re
import unicodedata
from itertools import pairwise

import numpy as np
import pyarrow as pa
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from kernel_texts import COLUMNS, buffer_of
from test_kernel_peer_rules import has, words_of

from lmloop.kernels.minhash import empty_signatures, permutations
from lmloop.kernels.peer.clusters import group_by_size, link_neighbours, orders
from lmloop.kernels.peer.minhash import peer_minhash
from lmloop.kernels.peer.tables import SYMBOL, TERMINAL

PRIME = (1 << 61) - 1


def simplify(text: str) -> str:
    """datatrove's ``simplify_text``; its punctuation is the set of symbols without marks of other scripts."""
    text = re.sub(r"\d+([.,،٫⎖⎗⎘]\d+)?", "0", text.lower())
    text = "".join(" " if has(c, SYMBOL) and (not has(c, TERMINAL) or c in "？！。.!?") else c for c in text)
    return "".join(c for c in unicodedata.normalize("NFD", " ".join(text.split())) if unicodedata.category(c) != "Mn")


def signature(text: str, n: int) -> list[int] | None:
    words, functions = words_of(simplify(text)), permutations(6, 1)
    hashes = [xxhash.xxh64_intdigest(" ".join(words[i : i + n]).encode()) for i in range(len(words) - n + 1)]
    pairs = zip(functions.a.tolist(), functions.b.tolist(), strict=True)
    return [min((h * a + b) % 2**64 % PRIME for h in hashes) for a, b in pairs] if hashes else None


PIECES = ["Σ", "a", "Α", "σ", ".", "'", " ", "\n", "\u00a0", "\t", "İ", ":", "word ", "Long", "naïve", "\u0301", "I'm "]


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), max_size=4))
def test_a_capital_sigma_becomes_what_its_neighbours_ask_for(texts):
    found = peer_minhash(buffer_of(*texts), bands=2, rows=3, n=3)
    for number, text in enumerate(texts):
        wanted = signature(text, 3)
        assert found.short[number] if wanted is None else found.minima[number].tolist() == wanted


@given(COLUMNS)
def test_signatures_are_datatroves(texts):
    found = peer_minhash(buffer_of(*texts), bands=2, rows=3, n=3)
    for number, text in enumerate(texts):
        expected = signature(text, 3)
        assert found.short[number] == (expected is None)
        if expected is not None:
            assert found.minima[number].tolist() == expected


def test_a_final_sigma_is_what_python_makes_of_it():
    texts = ["ΟΔΟΣ ΣΟΦΟΣ Σ Α", "οδος σοφος σ α"]
    found = peer_minhash(buffer_of(*texts), n=2)
    assert (found.minima[0] == found.minima[1]).all()


def plain_groups(bands: list[list[tuple[tuple[int, ...], int]]]) -> dict[int, int]:
    """datatrove's clusters from the signatures and rows of each band: a union by size over neighbours in order."""
    parent: dict[int, int] = {}
    size: dict[int, int] = {}

    def root(row: int) -> int:
        while parent.setdefault(row, row) != row:
            row = parent[row]
        return row

    for band in bands:
        for (left, first), (right, second) in pairwise(sorted(band)):
            if left != right or root(first) == root(second):
                continue
            large, small = root(first), root(second)
            if size.get(large, 1) < size.get(small, 1):
                large, small = small, large
            parent[small] = large
            size[large] = size.get(large, 1) + size.get(small, 1)
    return {row: root(row) for row in sorted(parent)}


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 6), max_size=14))
def test_the_row_that_stays_is_datatroves_choice(minima):
    signatures = empty_signatures(len(minima), 3, 2)
    signatures.minima[:] = np.array(minima, np.uint64).reshape(len(minima), 6)
    signatures.keys[:] = (
        np.uint64(100) * np.arange(1, 4, dtype=np.uint64)
        + np.uint64(10) * signatures.minima[:, ::2]
        + signatures.minima[:, 1::2]
    )
    rows = np.repeat(np.arange(len(minima), dtype=np.uint64), 3)
    keyed = pa.table({"key": signatures.keys.ravel(), "row": rows, "order": orders(signatures)})
    found = group_by_size([link_neighbours(keyed.sort_by([("key", "ascending"), ("row", "ascending")]))])
    expected = plain_groups([[(row[2 * b : 2 * b + 2], k) for k, row in enumerate(minima)] for b in range(3)])
    assert dict(zip(found["row"].to_pylist(), found["kept"].to_pylist(), strict=True)) == expected
