"""Who may look at whom: earlier places of the same document, and nobody else.

Resetting positions alone does not keep documents apart: without a mask the text before leaks into what follows.

Shape letters: B rows, T places that ask, S places that are looked at.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lmloop.core.rows import NOBODY


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask in the form that the device computes fastest with; with neither, attention is plainly causal."""

    dense_B1TS: Tensor | None = None
    block: Any = None


CAUSAL = Mask()


def document_mask(documents_BT: Tensor, dense: bool = False) -> Mask:
    """Make the mask of packed rows: dense on a CPU (or where it must be), FlexAttention's blocks on a GPU.

    Rows of one document each, and nothing or padding behind it, need no mask but the causal one.
    """
    if documents_BT.device.type == "cuda" and not dense:
        return Mask(block=_blocks(documents_BT))
    if bool(((documents_BT == documents_BT[:, :1]) | (documents_BT == NOBODY)).all()):
        return CAUSAL
    length = documents_BT.shape[1]
    same_B1TS = (documents_BT[:, :, None] == documents_BT[:, None, :])[:, None]
    causal_TS = torch.ones(length, length, dtype=torch.bool, device=documents_BT.device).tril()
    return Mask(dense_B1TS=same_B1TS & causal_TS)


def _blocks(documents_BT: Tensor) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    def visible(b: Tensor, h: Tensor, asks: Tensor, seen: Tensor) -> Tensor:
        return (asks >= seen) & (documents_BT[b, asks] == documents_BT[b, seen])

    rows, length = documents_BT.shape
    return create_block_mask(visible, rows, None, length, length, device=str(documents_BT.device))
