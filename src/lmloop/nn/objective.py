"""What is minimised: the cross-entropy of the next token, and if wanted a pull on the logits' size.

Shape letters: B rows, T places, C places that count in a chunk, V vocabulary, D width.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from lmloop.core.rows import IGNORED, Rows
from lmloop.nn.crosses import Crosses
from lmloop.nn.decoder import Decoder
from lmloop.nn.learner import Learner
from lmloop.nn.masking import Mask, document_mask, in_blocks

CHUNK = 1 << 26
"""More logits than this are computed in chunks, and again in the backward pass: they would be most of the memory."""


class Objective(Learner):
    """A decoder that learns to predict the next token."""

    def __init__(self, decoder: Decoder, z_loss: float = 0.0) -> None:
        super().__init__()
        self.decoder = decoder
        self.z_loss = z_loss

    def forward(
        self, tokens_BT: Tensor, targets_BT: Tensor, positions_BT: Tensor, dense: Tensor | None, block: Any = None
    ) -> tuple[Tensor, Tensor]:
        """Give two sums over the targets that count: what to minimise, and the cross-entropy alone, in nats."""
        x_BTD = self.decoder.model(tokens_BT, positions_BT, Mask(dense, block))
        x_ND, targets_N = x_BTD.flatten(0, 1), targets_BT.flatten()
        matrix = self._matrix()
        if matrix is not None:
            total, cross = Crosses.apply(x_ND, matrix, targets_N, self.z_loss)  # type: ignore[no-untyped-call]
            return total, cross[None]
        pieces = chunked(self._sums, x_ND, targets_N, self.decoder.shape.vocabulary)
        crosses, pulls = (torch.stack(sums).sum() for sums in zip(*pieces, strict=True))
        return crosses + self.z_loss * pulls, crosses.detach()[None]

    def arguments(self, rows: Rows, device: torch.device) -> tuple[Any, ...]:
        """Give tokens, targets, positions and the mask."""
        return on_device(rows, device)

    def compiled(self, wrapped: nn.Module) -> Callable[..., Any]:
        """Compile the layers, and not what is around them: one takes the time of one, and the logits stay in chunks."""
        self.decoder.model.compile_layers()
        return wrapped

    def _matrix(self) -> Tensor | None:
        """Give the output matrix, where nothing else stands at the output and gradients are wanted."""
        head = self.decoder.lm_head
        plain = type(head) is nn.Linear and head.bias is None and not torch.compiler.is_compiling()
        return head.weight if plain and torch.is_grad_enabled() else None

    def _sums(self, x_CD: Tensor, targets_C: Tensor) -> tuple[Tensor, Tensor]:
        logits_CV = self.decoder.lm_head(x_CD).float()
        crosses = F.cross_entropy(logits_CV, targets_C, ignore_index=IGNORED, reduction="sum")
        if not self.z_loss:
            return crosses, torch.zeros_like(crosses)
        # Chowdhery et al. 2022 (PaLM), section 5: log Z squared keeps the softmax's normaliser near one
        counts_C = targets_C != IGNORED
        return crosses, (torch.logsumexp(logits_CV, dim=-1).square() * counts_C).sum()


def chunked(work: Callable[[Tensor, Tensor], Any], x_ND: Tensor, targets_N: Tensor, vocabulary: int) -> list[Any]:
    """Do something with the logits of N places, so many at a time that they do not fill the memory."""
    size = max(1, CHUNK // vocabulary)
    starts = range(0, len(targets_N), size)
    if len(targets_N) <= size or not torch.is_grad_enabled():
        return [work(x_ND[n : n + size], targets_N[n : n + size]) for n in starts]
    return [checkpoint(work, x_ND[n : n + size], targets_N[n : n + size], use_reentrant=False) for n in starts]


def on_device(rows: Rows, device: torch.device) -> tuple[Any, ...]:
    """Give an objective's arguments for some rows."""
    rows = in_blocks(rows, device)
    arrays = (rows.tokens_BT, rows.targets_BT, rows.positions_BT, rows.documents_BT)
    tokens, targets, positions, documents = (torch.from_numpy(each).to(device) for each in arrays)
    mask = document_mask(documents)
    return tokens, targets, positions, mask.dense_B1TS, mask.block
