"""Attention in parts: what a query finds among some keys, with the weight that tells how to add parts up.

The softmax over all keys is the mean of the softmaxes over parts of them, each weighed by the sum of its exponentials
(Dao et al. 2022, FlashAttention, section 3.1). So what many rows share is looked at once for all of them, by one large
product (Juravsky et al. 2024, Hydragen, section 3.1).

Shape letters: B rows, N query heads, K <= N key heads, G = N / K, T places that ask, S places that are looked at, H
width of a head.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

CHUNK = 1 << 22
"""At most so many scores are held at once where no fused kernel does the work."""

HIDDEN = -1e30
"""Added to the score of a key that may not be seen: finite, so that a row that sees nothing gives no NaN."""


@dataclass(frozen=True, slots=True)
class How:
    """What a layer wants: the factor of its scores, how many places back it sees, and a bound on scores."""

    scale: float
    window: int | None = None
    softcap: float | None = None


class Found(NamedTuple):
    """What was found, (B, N, T, H), and the logarithm of the sum of exponentials, (B, N, T), in float32."""

    mixed_BNTH: Tensor
    weight_BNT: Tensor


def look(q_BNTH: Tensor, k_BKSH: Tensor, v_BKSH: Tensor, how: How, mask_BTS: Tensor | None = None) -> Found:
    """Look at all keys, or at those that the mask (boolean, (1 or B, T, S)) shows; K key heads serve N query heads."""
    rows, heads, length, width = q_BNTH.shape
    shared = k_BKSH.shape[1]
    groups = heads // shared
    # queries that share a key head stand one behind the other, so no key is copied
    q_BKTH = q_BNTH.reshape(rows, shared, groups * length, width)
    if mask_BTS is not None and groups > 1:
        mask_BTS = mask_BTS.repeat(1, groups, 1)
    found = _look(q_BKTH, k_BKSH, v_BKSH, how, mask_BTS)
    wide = found.mixed_BNTH.shape[-1]
    return Found(found.mixed_BNTH.reshape(rows, heads, length, wide), found.weight_BNT.reshape(rows, heads, length))


def look_back(q_BNTH: Tensor, k_BKTH: Tensor, v_BKTH: Tensor, how: How) -> Found:
    """Let each place look at itself and those before it, of the same row."""
    length = q_BNTH.shape[2]
    near = how.window is not None and how.window < length
    if near or how.softcap is not None or k_BKTH.shape[-1] != v_BKTH.shape[-1]:
        return look(q_BNTH, k_BKTH, v_BKTH, how, causal(length, how.window, q_BNTH.device)[None])
    groups = q_BNTH.shape[1] // k_BKTH.shape[1]
    if groups > 1:
        k_BKTH, v_BKTH = k_BKTH.repeat_interleave(groups, 1), v_BKTH.repeat_interleave(groups, 1)
    return _fused(q_BNTH, k_BKTH, v_BKTH, how.scale, None, True)


def causal(length: int, window: int | None, device: torch.device) -> Tensor:
    """Give the mask of places that look back, (T, T)."""
    back_TT = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    return back_TT if window is None or window >= length else back_TT.triu(1 - window)


def add(one: Found, other: Found) -> Found:
    """Add up what was found among two parts of the keys."""
    share_BNT = torch.sigmoid(one.weight_BNT - other.weight_BNT)
    mixed_BNTH = torch.lerp(other.mixed_BNTH, one.mixed_BNTH, share_BNT[..., None].to(one.mixed_BNTH.dtype))
    return Found(mixed_BNTH, torch.logaddexp(one.weight_BNT, other.weight_BNT))


def _look(q_BKTH: Tensor, k_BKSH: Tensor, v_BKSH: Tensor, how: How, mask_BTS: Tensor | None) -> Found:
    plain = how.softcap is not None or k_BKSH.shape[-1] != v_BKSH.shape[-1]
    if plain or (q_BKTH.device.type == "cuda" and mask_BTS is not None):
        return _plain(q_BKTH, k_BKSH, v_BKSH, how, mask_BTS)
    return _fused(q_BKTH, k_BKSH, v_BKSH, how.scale, mask_BTS, False)


def _fused(q_BNTH: Tensor, k_BNSH: Tensor, v_BNSH: Tensor, scale: float, mask_BTS: Tensor | None, back: bool) -> Found:
    """Use the device's kernel that never writes the scores down; it has as many key heads as query heads."""
    ops = torch.ops.aten
    if q_BNTH.device.type == "cuda":
        mixed, weight, *_ = ops._scaled_dot_product_efficient_attention(
            q_BNTH, k_BNSH, v_BNSH, None, True, 0.0, back, scale=scale
        )
        return Found(mixed, weight[..., : q_BNTH.shape[2]])
    bias = None
    if mask_BTS is not None:
        low = max(HIDDEN, torch.finfo(q_BNTH.dtype).min)
        bias = torch.zeros(mask_BTS.shape, dtype=q_BNTH.dtype).masked_fill_(~mask_BTS, low)[:, None]
    return Found(
        *ops._scaled_dot_product_flash_attention_for_cpu(q_BNTH, k_BNSH, v_BNSH, 0.0, back, attn_mask=bias, scale=scale)
    )


def _plain(q_BKTH: Tensor, k_BKSH: Tensor, v_BKSH: Tensor, how: How, mask_BTS: Tensor | None) -> Found:
    """Write the scores down, some places at a time."""
    rows, heads, length, _ = q_BKTH.shape
    step = max(1, CHUNK // max(1, rows * heads * k_BKSH.shape[2]))
    found = []
    for first in range(0, length, step):
        scores_BKTS = torch.matmul(q_BKTH[:, :, first : first + step] * how.scale, k_BKSH.transpose(2, 3)).float()
        if how.softcap is not None:
            scores_BKTS = how.softcap * torch.tanh(scores_BKTS / how.softcap)
        if mask_BTS is not None:
            scores_BKTS.masked_fill_(~mask_BTS[:, None, first : first + step], HIDDEN)
        weight_BKT = scores_BKTS.logsumexp(-1)
        shares_BKTS = (scores_BKTS - weight_BKT[..., None]).exp_()
        found.append((torch.matmul(shares_BKTS.to(v_BKSH.dtype), v_BKSH), weight_BKT))
    return Found(torch.cat([mixed for mixed, _ in found], 2), torch.cat([weight for _, weight in found], 2))
