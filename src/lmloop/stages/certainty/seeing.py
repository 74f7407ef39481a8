"""What a person should see of models that were asked whether they are sure."""

from collections.abc import Mapping, Sequence

from lmloop.report import blocks
from lmloop.scoring.calibration import Point, bins, risk_coverage
from lmloop.stages.certainty.asking import Answer
from lmloop.stages.certainty.measuring import Measured, Ranking

DIGITS = 4
POINTS = 120
SHOWN = 3


def show(found: Mapping[str, Measured], answers: Mapping[str, Sequence[Answer]], count: int) -> list[blocks.Block]:
    """Draw all models side by side."""
    asked = {name: [each for each in some if each.case.has_answer] for name, some in answers.items()}
    return [
        _figures(found),
        _rankings(found),
        _refusals(found),
        _risk(asked),
        _reliability(asked, count),
        blocks.Text("Some answers", tuple(_passages(asked))),
    ]


def _figures(found: Mapping[str, Measured]) -> blocks.Numbers:
    figures = tuple(
        blocks.Figure(f"AP, {name}", _short(each.both.ap), caption=f"accuracy {each.accuracy:.4f}")
        for name, each in found.items()
    )
    note = "Average precision of answers that are ranked by how sure they are; a ranking by chance gives the accuracy."
    return blocks.Numbers("Does it know what it knows?", figures, note)


def _rankings(found: Mapping[str, Measured]) -> blocks.Table:
    columns = ("model", "ranked by", "AP", "AUROC", "ECE", "Brier", "area under risk", "accuracy")
    rows = []
    for name, each in found.items():
        for kind in ("both", "confidence", "sure"):
            ranking: Ranking = getattr(each, kind)
            numbers = (ranking.ap, ranking.auroc, ranking.ece, ranking.brier, ranking.aurc, each.accuracy)
            rows.append((name, kind, *map(_short, numbers)))
    note = (
        "Both is the mean of the answer's confidence and the chance of “I am sure.”. AUROC does not rise with accuracy."
    )
    return blocks.Table("How well confidence tells right from wrong", columns, tuple(rows), note)


def _refusals(found: Mapping[str, Measured]) -> blocks.Table:
    columns = ("model", "answered", "right of these", "refused: no answer", "refused: unknown", "refused: known")
    rows = tuple(
        (
            name,
            *map(
                _short,
                (
                    each.willing,
                    each.accuracy_willing,
                    each.refused_unanswerable,
                    each.refused_unknown,
                    each.over_refusal,
                ),
            ),
        )
        for name, each in found.items()
    )
    note = "Known and unknown are what the probe found; a refusal of what is known is one too many."
    return blocks.Table("What is left unanswered", columns, rows, note)


def _risk(asked: Mapping[str, Sequence[Answer]]) -> blocks.Curve:
    lines = []
    for name, some in asked.items():
        points = _thinned(risk_coverage([each.right for each in some], [each.score for each in some]))
        x, y = zip(*((round(point.coverage, DIGITS), round(point.risk, DIGITS)) for point in points), strict=True)
        lines.append(blocks.Line(name, x, y))
    note = "From the left: answer only what is surest. Lower is better."
    return blocks.Curve("Risk by coverage", tuple(lines), "share answered", "share wrong", note=note)


def _reliability(asked: Mapping[str, Sequence[Answer]], count: int) -> blocks.Curve:
    lines = [blocks.Line("as sure as right", (0.0, 1.0), (0.0, 1.0))]
    for name, some in asked.items():
        found = bins([each.right for each in some], [each.score for each in some], count)
        x = tuple(round(each.sure, DIGITS) for each in found)
        lines.append(blocks.Line(name, x, tuple(round(each.right, DIGITS) for each in found)))
    return blocks.Curve("Calibration", tuple(lines), "how sure", "share right")


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Leave out points of a long curve; the last one stays."""
    step = max(1, len(points) // POINTS)
    return [*points[step - 1 :: step], *(points[-1:] if len(points) % step else ())]


def _passages(asked: Mapping[str, Sequence[Answer]]) -> list[blocks.Passage]:
    found = []
    for name, some in asked.items():
        order = sorted(some, key=lambda each: -each.score)
        chosen = [*order[:SHOWN], *order[-SHOWN:]] if len(order) > 2 * SHOWN else order
        for each in chosen:
            verdict = "right" if each.right else f"wrong; right is {each.case.question.answers[0].strip()}"
            text = f"{each.case.question.prompt[-1].text}\n  says: {each.text} ({verdict})\n  "
            told = f"confidence {each.confidence:.3f}, sure {each.sure:.3f}"
            found.append(blocks.Passage(text + told, name))
    return found


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
