"""A policy: a model that is tuned, asked for the log-probabilities of texts, beside the model as it was.

Shape letters: B rows, T places, C places in a chunk, D width.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lmloop.core.rows import IGNORED, NOBODY, Rows
from lmloop.nn.adapters.adapted import Adapted
from lmloop.nn.masking import Mask, document_mask, in_blocks
from lmloop.nn.objective import chunked
from lmloop.nn.recalled import Recalled


@dataclass(frozen=True, slots=True)
class Told:
    """Rows on a device, as a policy reads them: see :class:`lmloop.core.rows.Rows`."""

    tokens_BT: Tensor
    targets_BT: Tensor
    positions_BT: Tensor
    documents_BT: Tensor
    mask: Mask
    beside: Mapping[str, Tensor]

    @classmethod
    def of(cls, rows: Rows, device: torch.device, dense: bool = False) -> "Told":
        """Put rows on a device; with ``dense``, masks are dense on a GPU, too."""
        rows = rows if dense else in_blocks(rows, device)
        arrays = (rows.tokens_BT, rows.targets_BT, rows.positions_BT, rows.documents_BT)
        tokens, targets, positions, documents = (torch.from_numpy(each).to(device) for each in arrays)
        beside = {name: torch.from_numpy(array).to(device) for name, array in rows.beside.items()}
        return cls(tokens, targets, positions, documents, document_mask(documents, dense), beside)

    @property
    def counted_B(self) -> Tensor:
        """How many targets of each row count."""
        return (self.targets_BT != IGNORED).sum(1)


class Policy(nn.Module):
    """A decoder with or without an adapter on it, and the model that it was.

    With an adapter that is the decoder without it; when all weights are tuned it is ``reference``, a frozen copy.
    Policies that share a decoder share what it says without adapters, too: ``recalled``.
    """

    def __init__(self, decoder: Any, adapted: Adapted | None = None, reference: Any = None) -> None:
        super().__init__()
        self.decoder = decoder
        self.adapted = adapted
        self.reference = reference.requires_grad_(False) if reference is not None else None
        self.recalled: Recalled | None = None

    @contextmanager
    def working(self) -> Iterator[None]:
        """Let this policy's adapter work for a while, where several sit on its decoder."""
        with self.adapted.active(self.adapted.name) if self.adapted is not None else nullcontext():
            yield

    def feed(self, told: Told) -> None:
        """Let the adapter know of padding, tasks and documents: routers and their losses hang on them."""
        if self.adapted is not None:
            there_BT = told.documents_BT != NOBODY
            # padding is a sample of its own, behind all others
            documents_BT = torch.where(there_BT, told.documents_BT, told.documents_BT.amax(1, keepdim=True) + 1)
            self.adapted.feed(there_BT, told.beside.get("tasks"), documents_BT)

    def hidden(self, told: Told) -> Tensor:
        """Give the vectors of all places, (B, T, D)."""
        x_BTD: Tensor = self.decoder.model(told.tokens_BT, told.positions_BT, told.mask)
        return x_BTD

    def logprobs(self, told: Told) -> Tensor:
        """Give the log-probability of each target, (B, T): 0 where it does not count."""
        return _logprobs(self.decoder, told)

    def referred(self, told: Told) -> Tensor:
        """Give the log-probabilities that the model had before it was tuned, (B, T)."""
        if self.recalled is None:
            return self._referred(told)
        rows = (told.tokens_BT, told.targets_BT, told.positions_BT, told.documents_BT)
        return self.recalled.of(rows, lambda: self._referred(told))

    @torch.no_grad()
    def _referred(self, told: Told) -> Tensor:
        if self.adapted is None:
            assert self.reference is not None
            return _logprobs(self.reference, told)
        training = self.decoder.training
        self.decoder.eval()
        with self.adapted.active(None):
            found = _logprobs(self.decoder, told)
        self.decoder.train(training)
        return found

    def routing_loss(self) -> Tensor:
        """Give the routing losses of the last pass of the adapter."""
        assert self.adapted is not None
        return self.adapted.aux_loss()


def _logprobs(decoder: Any, told: Told) -> Tensor:
    x_BTD = decoder.model(told.tokens_BT, told.positions_BT, told.mask)

    def work(x_CD: Tensor, targets_C: Tensor) -> Tensor:
        return -F.cross_entropy(decoder.lm_head(x_CD).float(), targets_C, ignore_index=IGNORED, reduction="none")

    pieces = chunked(work, x_BTD.flatten(0, 1), told.targets_BT.flatten(), decoder.shape.vocabulary)
    return torch.cat(pieces).view_as(told.targets_BT)
