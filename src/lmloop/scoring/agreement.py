"""How well a judge agrees with people, and what that does to the rates that it reports."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Agreement:
    """A judge against people: ``counts[(human, judge)]`` of items, with what follows from it.

    ``kappa`` is Cohen's: agreement beyond chance, 1 at best; with ``weights`` the quadratic one, for grades in order.
    """

    labels: tuple[str, ...]
    counts: dict[tuple[str, str], int]
    accuracy: float
    kappa: float
    weighted: float

    @property
    def total(self) -> int:
        """How many items both judged."""
        return sum(self.counts.values())


def agreement(human: Sequence[str], judge: Sequence[str]) -> Agreement:
    """Compare a judge's labels with people's, item by item; labels are ordered by their names."""
    labels = tuple(sorted({*human, *judge}))
    counts = Counter(zip(human, judge, strict=True))
    total = max(len(human), 1)
    people, said = Counter(human), Counter(judge)
    seen = sum(counts[label, label] for label in labels) / total
    chance = sum(people[label] * said[label] for label in labels) / total**2
    place = {label: number for number, label in enumerate(labels)}
    gap = sum(count * (place[one] - place[other]) ** 2 for (one, other), count in counts.items()) / total
    pairs = ((one, other) for one in labels for other in labels)
    by_chance = sum(people[one] * said[other] * (place[one] - place[other]) ** 2 for one, other in pairs) / total**2
    kappa = 1.0 if chance == 1 else (seen - chance) / (1 - chance)
    return Agreement(labels, dict(counts), seen, kappa, 1 - gap / by_chance if by_chance else 1.0)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its interval."""

    value: float
    low: float
    high: float
    total: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What people's labels say of a judge that answers yes or no: of ``yes`` cases it found ``hits``, of ``no`` cases
    it took ``alarms`` for yes.
    """

    yes: int
    hits: int
    no: int
    alarms: int

    def corrected(self, said_yes: int, total: int, level: float = 0.95, seed: int = 0) -> Rate:
        """Give the share of true yes behind a judge's ``said_yes`` of ``total``, for what the judge is known to miss.

        The share is (p + specificity - 1) / (sensitivity + specificity - 1), kept within 0 and 1 (Rogan and Gladen
        1978). The interval is drawn: sensitivity, specificity and p each from the Beta distribution that its counts
        leave, Jeffreys' prior before them, so that few labels make it wide. A judge no better than chance says
        nothing: the interval is everything.
        """
        value = _corrected(said_yes / max(total, 1), self.hits / max(self.yes, 1), 1 - self.alarms / max(self.no, 1))
        chance = Random(seed)
        drawn = sorted(
            _corrected(
                _beta(chance, said_yes, total),
                _beta(chance, self.hits, self.yes),
                1 - _beta(chance, self.alarms, self.no),
            )
            for _ in range(DRAWS)
        )
        cut = int((1 - level) / 2 * DRAWS)
        if self.yes == 0 or self.no == 0:
            return Rate(value, 0.0, 1.0, total)
        return Rate(value, drawn[cut], drawn[-1 - cut], total)


def calibrate(human: Sequence[bool], judge: Sequence[bool]) -> Calibration:
    """Count how a judge that answers yes or no does against people."""
    pairs = list(zip(human, judge, strict=True))
    return Calibration(
        sum(human),
        sum(one and other for one, other in pairs),
        len(pairs) - sum(human),
        sum(b and not a for a, b in pairs),
    )


def _corrected(said: float, sensitivity: float, specificity: float) -> float:
    better = sensitivity + specificity - 1
    return min(max((said + specificity - 1) / better, 0.0), 1.0) if better > 1e-9 else said


def _beta(chance: Random, hits: int, total: int) -> float:
    return chance.betavariate(hits + 0.5, total - hits + 0.5)
