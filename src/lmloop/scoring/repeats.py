"""Several replies to one question: pass@k, G-Pass@k, and the vote of the majority."""

from collections import Counter
from collections.abc import Sequence
from math import ceil, comb


def pass_at(k: int, right: int, total: int) -> float:
    """Estimate, without bias, the chance that one of ``k`` replies is right when ``right`` of ``total`` were.

    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code", section 2.1.

    Raises:
        ValueError: there are fewer than k replies.
    """
    if not 0 < k <= total:
        raise ValueError(f"pass@{k} needs at least {k} replies, got {total}")
    return 1.0 - comb(total - right, k) / comb(total, k)


def pass_all(k: int, right: int, total: int) -> float:
    """Estimate the chance that all of ``k`` replies are right: pass^k."""
    return g_pass_at(k, 1.0, right, total)


def g_pass_at(k: int, share: float, right: int, total: int) -> float:
    """Estimate the chance that at least a ``share`` of ``k`` replies is right: G-Pass@k with a threshold.

    Source: Liu et al. 2024, "Are Your LLMs Capable of Stable Reasoning?", equation 3.

    Raises:
        ValueError: there are fewer than k replies.
    """
    if not 0 < k <= total:
        raise ValueError(f"G-Pass@{k} needs at least {k} replies, got {total}")
    least = max(ceil(share * k - 1e-9), 1)
    ways = sum(comb(right, j) * comb(total - right, k - j) for j in range(least, min(right, k) + 1))
    return ways / comb(total, k)


def mean_g_pass_at(k: int, right: int, total: int) -> float:
    """Average G-Pass@k over the thresholds from one half to one: mG-Pass@k.

    Source: Liu et al. 2024, equation 4: 2/k times the sum of G-Pass@k with i/k, i from k/2 (rounded up) + 1 to k.
    """
    first = ceil(k * 0.5) + 1
    return 2 / k * sum(g_pass_at(k, i / k, right, total) for i in range(first, k + 1))


def majority(answers: Sequence[str | None]) -> str | None:
    """Give the answer that occurs most often, of several the first; None is no answer and has no vote."""
    votes = Counter(answer for answer in answers if answer is not None)
    return max(votes, key=lambda answer: (votes[answer], -answers.index(answer))) if votes else None
