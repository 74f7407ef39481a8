"""Several replies to one question: pass@k, and the vote of the majority."""

from collections import Counter
from collections.abc import Sequence
from math import comb


def pass_at(k: int, right: int, total: int) -> float:
    """Estimate, without bias, the chance that one of ``k`` replies is right when ``right`` of ``total`` were.

    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code", section 2.1.

    Raises:
        ValueError: there are fewer than k replies.
    """
    if not 0 < k <= total:
        raise ValueError(f"pass@{k} needs at least {k} replies, got {total}")
    return 1.0 - comb(total - right, k) / comb(total, k)


def majority(answers: Sequence[str | None]) -> str | None:
    """Give the answer that occurs most often, of several the first; None is no answer and has no vote."""
    votes = Counter(answer for answer in answers if answer is not None)
    return max(votes, key=lambda answer: (votes[answer], -answers.index(answer))) if votes else None
