"""Attention: causal, grouped-query, with rotary positions and, if wanted, normalised queries and keys.

Shape letters: B rows, T places that ask, S places that are looked at, D width, N query heads, K key heads, H width of
a head.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention.flex_attention import flex_attention

from lmloop.nn.compiling import compiled
from lmloop.nn.masking import Mask
from lmloop.nn.norm import Norm
from lmloop.nn.rotary import turn
from lmloop.nn.shape import Shape

Mix: TypeAlias = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""Does a layer's attention in the place of the plain one: the layer's number, queries (B, N, T, H), keys and values."""


class Attention(nn.Module):
    """Attention under the names of Hugging Face's Llama, Qwen2 and Qwen3."""

    def __init__(self, shape: Shape, number: int = 0) -> None:
        super().__init__()
        self.number = number
        self.head_width = shape.head_width
        self.groups = shape.heads // shape.kv_heads
        inner, shared = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
        self.q_proj = nn.Linear(shape.width, inner, bias=shape.qkv_bias)
        self.k_proj = nn.Linear(shape.width, shared, bias=shape.qkv_bias)
        self.v_proj = nn.Linear(shape.width, shared, bias=shape.qkv_bias)
        self.o_proj = nn.Linear(inner, shape.width, bias=False)
        self.q_norm = Norm(shape.head_width, shape.norm_epsilon) if shape.qk_norm else None
        self.k_norm = Norm(shape.head_width, shape.norm_epsilon) if shape.qk_norm else None

    def forward(self, x_BTD: Tensor, turns: tuple[Tensor, Tensor], mask: Mask, mix: Mix | None = None) -> Tensor:
        """Mix each place with those that it may look at; ``turns`` are cosine and sine, (B, T, 1, H)."""
        q_BTNH, k_BTKH, v_BTKH = (self._heads(part(x_BTD)) for part in (self.q_proj, self.k_proj, self.v_proj))
        if self.q_norm is not None and self.k_norm is not None:
            q_BTNH, k_BTKH = self.q_norm(q_BTNH), self.k_norm(k_BTKH)
        q_BTNH, k_BTKH = turn(q_BTNH, *turns).to(v_BTKH.dtype), turn(k_BTKH, *turns).to(v_BTKH.dtype)
        q_BNTH, k_BKTH, v_BKTH = q_BTNH.transpose(1, 2), k_BTKH.transpose(1, 2), v_BTKH.transpose(1, 2)
        if mix is not None:
            mixed_BNTH = mix(self.number, q_BNTH, k_BKTH, v_BKTH)
        else:
            mixed_BNTH = attend(q_BNTH, k_BKTH, v_BKTH, mask)
        mixed: Tensor = self.o_proj(mixed_BNTH.transpose(1, 2).flatten(2))
        return mixed

    def _heads(self, x_BTE: Tensor) -> Tensor:
        rows, length, _ = x_BTE.shape
        return x_BTE.view(rows, length, -1, self.head_width)


def attend(q_BNTH: Tensor, k_BKSH: Tensor, v_BKSH: Tensor, mask: Mask) -> Tensor:
    """Softmax attention of N query heads over K <= N key heads."""
    if mask.block is not None:
        run: Any = flex_attention if torch.compiler.is_compiling() else _flex()
        mixed: Tensor = run(q_BNTH, k_BKSH, v_BKSH, block_mask=mask.block, enable_gqa=True)
        return mixed
    groups = q_BNTH.shape[1] // k_BKSH.shape[1]
    if groups > 1:  # on a CPU, heads that are there twice are faster than the gathering inside
        k_BKSH, v_BKSH = k_BKSH.repeat_interleave(groups, 1), v_BKSH.repeat_interleave(groups, 1)
    causal = mask.dense_B1TS is None and q_BNTH.shape[2] > 1
    return F.scaled_dot_product_attention(q_BNTH, k_BKSH, v_BKSH, attn_mask=mask.dense_B1TS, is_causal=causal)


@cache
def _flex() -> Callable[..., Any]:
    """FlexAttention is slow, and large in memory, unless it is compiled."""
    return compiled(flex_attention)
