"""What is measured of a model's answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmloop.core.step import Metrics
from lmloop.scoring import calibration
from lmloop.stages.certainty.asking import Answer

DIGITS = 6


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well a confidence tells right answers from wrong ones."""

    ap: float
    auroc: float | None
    ece: float
    brier: float
    aurc: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A model's numbers; shares of nothing are None.

    ``willing`` is the share of questions that is answered and ``accuracy_willing`` the share of those that is right;
    ``refused_unanswerable`` of what has no answer, ``over_refusal`` of what a probe found known, and
    ``refused_unknown`` of what it found unknown.
    """

    accuracy: float
    both: Ranking
    confidence: Ranking
    sure: Ranking
    willing: float
    accuracy_willing: float | None
    refused_unanswerable: float | None
    over_refusal: float | None
    refused_unknown: float | None

    def metrics(self) -> Metrics:
        """Give the chief ones, by name."""
        found = {
            "ap": self.both.ap,
            "ap/confidence": self.confidence.ap,
            "ap/sure": self.sure.ap,
            "accuracy": self.accuracy,
            "auroc": self.both.auroc,
            "ece": self.both.ece,
            "brier": self.both.brier,
            "aurc": self.both.aurc,
            "willing": self.willing,
            "accuracy_willing": self.accuracy_willing,
            "refused_unanswerable": self.refused_unanswerable,
            "over_refusal": self.over_refusal,
            "refused_unknown": self.refused_unknown,
        }
        return {name: round(value, DIGITS) for name, value in found.items() if value is not None}


def measure(answers: Sequence[Answer], threshold: float, bins: int) -> Measured:
    """Measure all answers of one model."""
    asked = [each for each in answers if each.case.has_answer]
    right = [each.right for each in asked]
    willing = [each for each in asked if not each.refused(threshold)]

    def refused(some: Sequence[Answer]) -> float | None:
        return sum(each.refused(threshold) for each in some) / len(some) if some else None

    return Measured(
        accuracy=sum(right) / len(right),
        both=_ranking(right, [each.score for each in asked], bins),
        confidence=_ranking(right, [each.confidence for each in asked], bins),
        sure=_ranking(right, [each.sure for each in asked], bins),
        willing=len(willing) / len(asked),
        accuracy_willing=sum(each.right for each in willing) / len(willing) if willing else None,
        refused_unanswerable=refused([each for each in answers if not each.case.has_answer]),
        over_refusal=refused([each for each in asked if each.case.known is True]),
        refused_unknown=refused([each for each in asked if each.case.known is False]),
    )


def _ranking(right: Sequence[bool], sure: Sequence[float], bins: int) -> Ranking:
    return Ranking(
        calibration.average_precision(right, sure),
        calibration.roc_area(right, sure),
        calibration.calibration_error(right, sure, bins),
        calibration.brier(right, sure),
        calibration.risk_area(right, sure),
    )
