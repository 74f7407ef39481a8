"""Who may look at whom: earlier places of the same document, and nobody else.

Resetting positions alone does not keep documents apart: without a mask the text before leaks into what follows.

Shape letters: B rows, T places that ask, S places that are looked at, Q blocks of T, K blocks of S.
"""

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask

from lmloop.core.rows import NOBODY, Rows

BLOCK: Final = 128
"""Places of a block, FlexAttention's default; shorter rows have nothing that could be left out."""


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask in the form that the device computes fastest with; with neither, attention is plainly causal."""

    dense_B1TS: Tensor | None = None
    block: Any = None


CAUSAL = Mask()


def in_blocks(rows: Rows, device: torch.device) -> Rows:
    """Fill rows up to whole blocks on a GPU, where attention is compiled anew for each length."""
    return rows.padded(BLOCK) if device.type == "cuda" else rows


def document_mask(documents_BT: Tensor, dense: bool = False) -> Mask:
    """Make the mask of packed rows: dense on a CPU (or where it must be), FlexAttention's blocks on a GPU.

    A document's places stand one behind the other. Rows of one document each, and nothing or padding behind it, need
    no mask but the causal one.
    """
    length = documents_BT.shape[1]
    if documents_BT.device.type == "cuda" and length >= BLOCK and not dense:
        return Mask(block=blocks(documents_BT))
    if bool(((documents_BT == documents_BT[:, :1]) | (documents_BT == NOBODY)).all()):
        return CAUSAL
    same_B1TS = (documents_BT[:, :, None] == documents_BT[:, None, :])[:, None]
    causal_TS = torch.ones(length, length, dtype=torch.bool, device=documents_BT.device).tril()
    return Mask(dense_B1TS=same_B1TS & causal_TS)


def blocks(documents_BT: Tensor) -> BlockMask:
    """Find which blocks of places see which, and which see the whole of them, from their first and last documents.

    FlexAttention's own search writes the whole mask down, in numbers of eight bytes, or is compiled for half a minute.
    """
    length = documents_BT.shape[1]
    starts_BQ = documents_BT[:, ::BLOCK]
    ends = torch.arange(BLOCK - 1, length + BLOCK - 1, BLOCK, device=documents_BT.device).clamp(max=length - 1)
    ends_BQ = documents_BT[:, ends]
    count = starts_BQ.shape[1]
    before_QK = torch.ones(count, count, dtype=torch.bool, device=documents_BT.device).tril(-1)
    # what a block's first place is of may have begun in an earlier block, and is there up to its end
    seen_BQK = (starts_BQ[:, :, None] == ends_BQ[:, None, :]) & before_QK
    full_BQK = (ends_BQ[:, :, None] == starts_BQ[:, None, :]) & before_QK
    if length % BLOCK:
        full_BQK[:, -1] = False
    partial_BQK = (seen_BQK & ~full_BQK) | torch.eye(count, dtype=torch.bool, device=documents_BT.device)

    def visible(b: Tensor, h: Tensor, asks: Tensor, seen: Tensor) -> Tensor:
        return (asks >= seen) & (documents_BT[b, asks] == documents_BT[b, seen])

    found: BlockMask = BlockMask.from_kv_blocks(
        *_listed(partial_BQK),
        *_listed(full_BQK),
        BLOCK_SIZE=BLOCK,
        mask_mod=visible,
        seq_lengths=(length, length),
    )
    return found


def _listed(wanted_BQK: Tensor) -> tuple[Tensor, Tensor]:
    """Give how many blocks are wanted, (B, 1, Q), and the order of all, the wanted ones first, (B, 1, Q, K)."""
    number_B1Q = wanted_BQK.sum(-1, dtype=torch.int32)[:, None]
    order_B1QK = wanted_BQK.to(torch.int8).argsort(dim=-1, descending=True, stable=True).to(torch.int32)[:, None]
    return number_B1Q, order_B1QK
