"""What an answer is worth when it may be hedged or withheld, and from which chance of being right it pays to give it.

The order is that of Schulman's lecture on reinforcement learning and truthfulness (Berkeley, 2023): right, hedged and
right, silent, hedged and wrong, wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from lmloop.scoring.sureness import bare, is_silent
from lmloop.scoring.words import HAN

Outcome: TypeAlias = Literal["right", "hedged_right", "silent", "hedged_wrong", "wrong"]
ORDER: tuple[Outcome, ...] = ("right", "hedged_right", "silent", "hedged_wrong", "wrong")
HEDGE = re.compile(
    r"\b(?:not (?:quite |entirely |completely )?(?:sure|certain)|unsure|i (?:think|believe|guess|suppose)|probably"
    r"|perhaps|maybe|might be|may be|possibly)\b|不太?确定|不敢肯定|我想|我猜|可能|也许|大概|或许",
    re.IGNORECASE,
)
HEDGED = {False: "I am not sure, but I think: {}", True: "我不确定，但我想是：{}"}


@dataclass(frozen=True, slots=True)
class Rewards:
    """A reward for each outcome."""

    right: float = 1.0
    hedged_right: float = 0.5
    silent: float = 0.0
    hedged_wrong: float = -2.0
    wrong: float = -4.0

    def of(self, outcome: Outcome) -> float:
        """Give the reward of an outcome."""
        return float(getattr(self, outcome))

    def falls(self) -> bool:
        """Tell whether the rewards fall in the order of the outcomes."""
        return all(self.of(one) > self.of(other) for one, other in pairwise(ORDER))

    def expected(self, chance: float) -> Mapping[str, float]:
        """Give what each way to reply is worth, of an answer that is right with a chance."""
        return {
            "answer": self.right * chance + self.wrong * (1 - chance),
            "hedge": self.hedged_right * chance + self.hedged_wrong * (1 - chance),
            "silence": self.silent,
        }

    def break_evens(self) -> Mapping[tuple[str, str], float | None]:
        """Give the chance of being right at which two ways are worth the same; None where that lies outside 0 to 1."""
        low, high = self.expected(0.0), self.expected(1.0)
        found: dict[tuple[str, str], float | None] = {}
        for pair in (("answer", "silence"), ("hedge", "silence"), ("answer", "hedge")):
            first, last = (ends[pair[0]] - ends[pair[1]] for ends in (low, high))
            at = None if first == last else -first / (last - first)
            found[pair] = at if at is not None and 0 <= at <= 1 else None
        return found

    def stretches(self) -> list[tuple[float, float, str]]:
        """Say from which chance to which each way is worth most; a way that never is alone so is not among them."""
        cuts = sorted({0.0, 1.0, *(at for at in self.break_evens().values() if at is not None)})
        found: list[tuple[float, float, str]] = []
        for low, high in pairwise(cuts):
            worth = self.expected((low + high) / 2)
            best = max(worth, key=lambda way: worth[way])
            if found and found[-1][2] == best:
                found[-1] = (found[-1][0], high, best)
            else:
                found.append((low, high, best))
        return found

    def dominated(self) -> list[str]:
        """List the ways that are never worth more than all others, whatever the chance of being right."""
        best = {way for _, _, way in self.stretches()}
        return [way for way in ("answer", "hedge", "silence") if way not in best]


def outcome(reply: str, right: bool) -> Outcome:
    """Sort a reply of which it is known whether it holds the right answer, by rule, in English and Chinese."""
    if HEDGE.search(reply) and not _only_silent(reply):
        return "hedged_right" if right else "hedged_wrong"
    if not right and is_silent(reply):
        return "silent"
    return "right" if right else "wrong"


def hedged(answer: str) -> str:
    """Give an answer hedged, in its language."""
    return HEDGED[bool(HAN.search(answer))].format(bare(answer))


def _only_silent(reply: str) -> bool:
    """Tell a hedge with nothing behind it, as "I am not sure.", from one that goes on to answer."""
    return is_silent(reply) and not re.search(r"[,，:：]|\bbut\b|但", reply)
