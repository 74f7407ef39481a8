"""Values of a choice item from the log-likelihoods of its options."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scored:
    """An option: its text as it is measured, its natural-log likelihood, and of how many tokens."""

    text: str
    logprob: float
    tokens: int = 0


def best(values: Sequence[float]) -> int:
    """Give the place of the largest value; of equal ones the first, as numpy's argmax does."""
    return max(range(len(values)), key=lambda place: (values[place], -place))


def picks(options: Sequence[Scored]) -> Mapping[str, int]:
    """Say which option each way of measuring takes.

    ``acc`` takes the likeliest; ``acc_norm`` the likeliest a character, ``acc_bytes`` a byte of UTF-8 and
    ``acc_token`` a token. The first three are those of lm-eval, which divides by the length of the option without
    the space before it; ``acc_token`` is what llm.c and the completion style divide by.
    """
    found = {
        "acc": best([option.logprob for option in options]),
        "acc_norm": best([option.logprob / max(len(option.text), 1) for option in options]),
        "acc_bytes": best([option.logprob / max(len(option.text.encode()), 1) for option in options]),
    }
    if all(option.tokens for option in options):
        found["acc_token"] = best([option.logprob / option.tokens for option in options])
    return found


def shares(options: Sequence[Scored]) -> list[float]:
    """Give each option's share of the probability of them all; where none has any, all have the same."""
    most = max(option.logprob for option in options)
    if most == -math.inf:
        return [1 / len(options)] * len(options)
    weights = [math.exp(option.logprob - most) for option in options]
    return [weight / sum(weights) for weight in weights]


def choice_values(options: Sequence[Scored], answers: Sequence[int]) -> dict[str, float]:
    """Give the values of an item with one or several right options; of one whose answer is not among them all fail.

    Beside the accuracies: ``brier``, the squared distance of the shares from the truth (0 is best, 2 worst; Brier,
    1950); and ``mass``, the share of all right options together, which is mc2 of TruthfulQA (Lin et al., 2022).
    """
    shared = shares(options)
    values = {name: float(pick in answers) for name, pick in picks(options).items()}
    wanted = [1 / max(len(answers), 1) if place in answers else 0.0 for place in range(len(options))]
    values["brier"] = sum((share - want) ** 2 for share, want in zip(shared, wanted, strict=True))
    values["mass"] = sum(shared[place] for place in answers)
    return values
