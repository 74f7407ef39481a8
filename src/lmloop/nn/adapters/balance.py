"""Losses that keep routers honest: each over the tokens that count, for one router.

Shape letters: N tokens, E experts, K chosen experts, M samples.
"""

import torch
from torch import Tensor


def switch(probabilities_NE: Tensor, chosen_NK: Tensor, counted_N: Tensor | None) -> Tensor:
    """E * sum_e f_e P_e (Fedus et al. 2021, Switch Transformers, section 2.2); 1 where all experts have the same.

    f_e is the share of all choices that fell on e, and P_e the mean probability. Only P has a gradient.
    """
    experts = probabilities_NE.shape[1]
    count_N = probabilities_NE.new_ones(len(probabilities_NE)) if counted_N is None else counted_N.to(probabilities_NE)
    mean_E = count_N @ probabilities_NE / count_N.sum().clamp_min(1.0)
    share_E = torch.zeros_like(mean_E).index_add_(
        0, chosen_NK.reshape(-1), count_N.repeat_interleave(chosen_NK.shape[1])
    )
    return experts * (share_E / share_E.sum().clamp_min(1.0) * mean_E).sum()


def localized(
    weights_NE: Tensor, samples_N: tuple[Tensor, int], first_N: Tensor, counted_N: Tensor | None, tilt: float
) -> Tensor:
    """var(Z) / mean(Z)^2 with Z = I * Q (Dou et al. 2024, LoRAMoE, section 3.3, and its code).

    Q[m, e] sums the weight of expert e over the tokens of sample m. I is 1 + ``tilt`` where the expert is of the
    sample's kind, else 1 - ``tilt``: the first half of the experts is of the kind that ``first_N`` marks, the other
    half of the other. The variance is that of all values of Z, with N - 1 below, as in the code; the paper prints the
    deviation squared over the mean. The code also sums padding; here it is left out.
    """
    experts = weights_NE.shape[1]
    sample_N, samples = samples_N
    if counted_N is not None:
        weights_NE = weights_NE * counted_N[:, None]
    sums_ME = weights_NE.new_zeros(samples, experts).index_add_(0, sample_N, weights_NE)
    first_M = first_N.new_zeros(samples).index_put_((sample_N,), first_N)
    first_E = torch.arange(experts, device=weights_NE.device) < experts // 2
    fits_ME = first_M[:, None] == first_E
    z_ME = sums_ME * (1 - tilt + 2 * tilt * fits_ME.to(sums_ME.dtype))
    if counted_N is not None:  # a sample of nothing but padding is none
        real_M = torch.zeros(samples, dtype=torch.bool, device=z_ME.device).index_put_(
            (sample_N[counted_N],), counted_N[counted_N]
        )
        z_ME = z_ME[real_M]
    return z_ME.var() / (z_ME.mean().square() + 1e-10)


def z(logits_NE: Tensor, counted_N: Tensor | None) -> Tensor:
    """Mean of logsumexp squared, which keeps logits small (Zoph et al. 2022, ST-MoE, section 3.3)."""
    square_N = torch.logsumexp(logits_NE, 1).square()
    return square_N.mean() if counted_N is None else square_N[counted_N].mean()
