"""Blocks that are found from first and last documents are those that a look at every pair finds."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import create_block_mask

from lmloop.core.rows import NOBODY
from lmloop.nn.masking import BLOCK, blocks

LENGTHS = st.lists(st.one_of(st.integers(1, 40), st.integers(BLOCK - 3, 3 * BLOCK)), min_size=1, max_size=9)


@given(st.lists(LENGTHS, min_size=1, max_size=3), st.integers(1, 4 * BLOCK + 7), st.booleans())
def test_of_blocks(rows: list[list[int]], length: int, padded: bool) -> None:
    documents_BT = torch.full((len(rows), length), NOBODY)
    for row, lengths in zip(documents_BT, rows, strict=True):
        ids = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))[:length]
        row[: len(ids)] = ids
        if not padded:
            row[len(ids) :] = len(lengths)

    def visible(b, h, asks, seen):
        return (asks >= seen) & (documents_BT[b, asks] == documents_BT[b, seen])

    ours = blocks(documents_BT)
    theirs = create_block_mask(visible, len(rows), None, length, length, device="cpu")
    assert ours.shape == theirs.shape
    for kind in ("kv", "full_kv", "q", "full_q"):
        counts, wanted = (getattr(mask, f"{kind}_num_blocks") for mask in (ours, theirs))
        assert torch.equal(counts, wanted)
        listed, order = (getattr(mask, f"{kind}_indices") for mask in (ours, theirs))
        for place in zip(*torch.where(counts >= 0), strict=True):
            assert torch.equal(listed[place][: counts[place]], order[place][: counts[place]])
