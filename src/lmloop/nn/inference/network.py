"""A causal language model as the engine sees it: it reads a long row with a mixer, and a head tells what may follow.

Shape letters: T places of a long row, D width, N places that are asked about, V vocabulary.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from lmloop.nn.decoder import Decoder
from lmloop.nn.inference.attending import How
from lmloop.nn.inference.mixing import Mixer


@dataclass(frozen=True, slots=True)
class Head:
    """The matrix to the vocabulary, and what is done to its results: a factor, then a bound that tanh keeps."""

    weight_VD: Tensor
    bias_V: Tensor | None = None
    factor: float = 1.0
    softcap: float | None = None

    def logits(self, hidden_ND: Tensor, first: int = 0, stop: int | None = None) -> Tensor:
        """Give the logits of a range of the vocabulary in float32, (N, stop - first)."""
        bias_V = None if self.bias_V is None else self.bias_V[first:stop]
        logits_NV = F.linear(hidden_ND, self.weight_VD[first:stop], bias_V).float()
        if self.factor != 1.0:
            logits_NV = logits_NV * self.factor
        return logits_NV if self.softcap is None else self.softcap * torch.tanh(logits_NV / self.softcap)


class Network(Protocol):
    """A model whose attention a mixer does."""

    @property
    def head(self) -> Head:
        """The matrix to the vocabulary."""
        ...

    @property
    def device(self) -> torch.device:
        """Where tokens go in."""
        ...

    @property
    def context(self) -> int:
        """How many places it can tell apart."""
        ...

    @property
    def place_bytes(self) -> int:
        """How many bytes the keys and values of one place take in all layers."""
        ...

    def read(self, tokens_T: Tensor, places_T: Tensor, mixer: Mixer) -> Tensor:
        """Read a long row, each token at its own place in its text; give a vector for each, (T, D)."""
        ...


@dataclass(frozen=True)
class DecoderNetwork:
    """Our own decoder."""

    model: Decoder

    @property
    def head(self) -> Head:
        """The matrix to the vocabulary."""
        return Head(self.model.lm_head.weight)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.model.lm_head.weight.device

    @property
    def context(self) -> int:
        """How many places it was made for."""
        return self.model.shape.context

    @property
    def place_bytes(self) -> int:
        """How many bytes the keys and values of one place take in all layers."""
        shape = self.model.shape
        return 2 * shape.layers * shape.kv_heads * shape.head_width * self.model.lm_head.weight.element_size()

    def read(self, tokens_T: Tensor, places_T: Tensor, mixer: Mixer) -> Tensor:
        """Read a long row; give a vector for each token, (T, D)."""
        how = How(self.model.shape.head_width**-0.5)

        def mix(layer: int, q_1NTH: Tensor, k_1KTH: Tensor, v_1KTH: Tensor) -> Tensor:
            return mixer.mix(layer, q_1NTH, k_1KTH, v_1KTH, how)

        hidden_1TD: Tensor = self.model.model(tokens_T[None], places_T[None], mix=mix)
        return hidden_1TD[0]
