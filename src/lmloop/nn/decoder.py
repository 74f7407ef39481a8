"""The decoder: embedding, layers of attention and SwiGLU with norms before them, and a matrix to the vocabulary.

Module names are those of Hugging Face's Llama, Qwen2 and Qwen3, so that weights need no conversion in either direction,
and every matrix is a plain ``nn.Linear`` that adapters can be put on.

Shape letters: B rows, T places, D width, V vocabulary.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, noop_context_fn

from lmloop.nn.attention import Attention, Mix
from lmloop.nn.compiling import compiled
from lmloop.nn.masking import CAUSAL, Mask
from lmloop.nn.norm import Norm
from lmloop.nn.rotary import angles, frequencies
from lmloop.nn.shape import Shape


class FeedForward(nn.Module):
    """SwiGLU or ReGLU (Shazeer 2020, section 2): one projection opens and closes the other."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down_proj = nn.Linear(shape.hidden, shape.width, bias=False)
        self.act_fn = nn.SiLU() if shape.activation == "silu" else nn.ReLU()

    def forward(self, x_BTD: Tensor) -> Tensor:
        """Change each place by itself."""
        changed: Tensor = self.down_proj(self.act_fn(self.gate_proj(x_BTD)) * self.up_proj(x_BTD))
        return changed


class Layer(nn.Module):
    """Attention, then a feed-forward; each adds to what came in, and reads it normalised (Xiong et al. 2020)."""

    def __init__(self, shape: Shape, number: int = 0) -> None:
        super().__init__()
        self.self_attn = Attention(shape, number)
        self.mlp = FeedForward(shape)
        self.input_layernorm = Norm(shape.width, shape.norm_epsilon)
        self.post_attention_layernorm = Norm(shape.width, shape.norm_epsilon)

    def forward(self, x_BTD: Tensor, turns: tuple[Tensor, Tensor], mask: Mask, mix: Mix | None = None) -> Tensor:
        """Pass all places through the layer."""
        x_BTD = x_BTD + self.self_attn(self.input_layernorm(x_BTD), turns, mask, mix)
        changed: Tensor = x_BTD + self.mlp(self.post_attention_layernorm(x_BTD))
        return changed


class Trunk(nn.Module):
    """Everything but the output matrix."""

    frequencies_F: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape, number) for number in range(shape.layers))
        self.norm = Norm(shape.width, shape.norm_epsilon)
        self.recompute, self.repeated = False, noop_context_fn
        self.trained_by: Callable[..., Any] = _pass
        self.register_buffer("frequencies_F", frequencies(shape), persistent=False)

    def forward(self, tokens_BT: Tensor, positions_BT: Tensor, mask: Mask = CAUSAL, mix: Mix | None = None) -> Tensor:
        """Turn tokens into vectors of width D; ``mix`` does the attention in the place of the layers."""
        x_BTD = self.embed_tokens(tokens_BT)
        if torch.is_autocast_enabled(x_BTD.device.type):  # the sums between layers in half the memory
            x_BTD = x_BTD.to(torch.get_autocast_dtype(x_BTD.device.type))
        turns = angles(self.frequencies_F, positions_BT)
        turns = (turns[0].to(x_BTD.dtype), turns[1].to(x_BTD.dtype))
        for layer in self.layers:
            if not self.training or mix is not None:
                x_BTD = layer(x_BTD, turns, mask, mix)
            elif self.recompute:
                given = (layer, x_BTD, turns, mask.dense_B1TS, mask.block)
                x_BTD = checkpoint(self.trained_by, *given, use_reentrant=False, context_fn=self.repeated)
            else:
                x_BTD = self.trained_by(layer, x_BTD, turns, mask.dense_B1TS, mask.block)
        out: Tensor = self.norm(x_BTD)
        return out

    def compile_layers(self) -> None:
        """Compile what training passes through: one layer for all, as they are alike, and not what only looks ahead."""
        self.trained_by = compiled(_pass)


def _pass(layer: Layer, x_BTD: Tensor, turns: tuple[Tensor, Tensor], dense_B1TS: Tensor | None, block: Any) -> Tensor:
    """Pass through a layer."""
    out: Tensor = layer(x_BTD, turns, Mask(dense_B1TS, block))
    return out


class Decoder(nn.Module):
    """A causal language model."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.model = Trunk(shape)
        self.lm_head = nn.Linear(shape.width, shape.vocabulary, bias=False)
        if shape.tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, tokens_BT: Tensor, positions_BT: Tensor | None = None, mask: Mask = CAUSAL) -> Tensor:
        """Give the logits of what follows each place, (B, T, V). Positions count from 0 unless they are given."""
        if positions_BT is None:
            positions_BT = torch.arange(tokens_BT.shape[1], device=tokens_BT.device).expand_as(tokens_BT)
        logits_BTV: Tensor = self.lm_head(self.model(tokens_BT, positions_BT, mask))
        return logits_BTV


def seeded(shape: Shape, seed: int) -> Decoder:
    """Make a decoder with fresh weights: the same seed gives the same weights on every machine.

    Normal with deviation 0.02, and 0.02 / sqrt(2 x layers) where a layer adds to the stream (Radford et al. 2019,
    section 2.3).
    """
    with torch.device("meta"):
        model = Decoder(shape)
    model = model.to_empty(device="cpu")
    model.model.frequencies_F = frequencies(shape)
    if shape.tied:
        model.lm_head.weight = model.model.embed_tokens.weight
    chance = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if name.endswith("norm.weight"):
            nn.init.ones_(weight)
        elif name.endswith(".bias"):
            nn.init.zeros_(weight)
        else:
            adds = name.endswith(("o_proj.weight", "down_proj.weight"))
            nn.init.normal_(weight, 0.0, 0.02 / (2 * shape.layers) ** 0.5 if adds else 0.02, generator=chance)
    return model
