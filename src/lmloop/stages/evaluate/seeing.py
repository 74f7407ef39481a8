"""What a person should see of an evaluation at once: the scores, how sure they are, and what went wrong."""

from collections.abc import Iterator, Sequence

from lmloop.core.scores import Rates, Score, Scores
from lmloop.core.task import Remark
from lmloop.report import blocks
from lmloop.report.units import share


def show(scores: Scores) -> list[blocks.Block]:
    """Draw scores and rates."""
    micro, macro = scores.chief(), scores.chief(macro=True)
    rates = {(rate.model, rate.task): rate for rate in scores.rates if not rate.group}
    columns = ("model", "task", "metric", "score", "95 %", "macro", "items", "no answer", "cut", "no reply")
    rows = []
    for key, score in micro.items():
        other = macro.get(key)
        rows.append(
            (
                *key,
                score.metric,
                round(score.mean, 4),
                f"{score.low:.4f} to {score.high:.4f}",
                round(other.mean, 4) if other else None,
                *_counted(rates[key]),
            )
        )
    note = "Intervals of 95 %; of items that share a source, clustered. Macro: each group counts the same."
    found: list[blocks.Block] = [_figures(scores), blocks.Table("Scores", columns, tuple(rows), note)]
    categories = tuple(task.name for task in scores.tasks)
    series = tuple(
        blocks.Series(model.name, tuple(_mean(micro.get((model.name, task))) for task in categories))
        for model in scores.models
    )
    found.append(blocks.Bars("Scores by task", categories, series))
    found += _groups(scores)
    return found


def remarked(remarks: Sequence[tuple[str, str, Remark]]) -> list[blocks.Block]:
    """Draw what tasks say of a model's grades: how far a judge can be trusted comes before what it says."""
    return [
        blocks.Table(f"{model}, {task}: {remark.title}", remark.columns, _rounded(remark.rows), remark.note)
        for model, task, remark in remarks
    ]


def _rounded(rows: Sequence[tuple[str | int | float | None, ...]]) -> tuple[tuple[str | int | float | None, ...], ...]:
    return tuple(tuple(round(cell, 4) if isinstance(cell, float) else cell for cell in row) for row in rows)


def _figures(scores: Scores) -> blocks.Numbers:
    whole = [rate for rate in scores.rates if not rate.group]
    items, failed, cut, errors = (
        sum(getattr(rate, name) for rate in whole) for name in ("items", "failed", "cut", "errors")
    )
    return blocks.Numbers(
        "What was asked",
        (
            blocks.Figure("models", len(scores.models)),
            blocks.Figure("tasks", len(scores.tasks)),
            blocks.Figure("questions asked", items),
            blocks.Figure("without an answer", share(failed, items), caption="none could be found in the reply"),
            blocks.Figure("cut", share(cut, items), caption="the limit of tokens ended the reply"),
            blocks.Figure("without a reply", errors, caption="left out of the scores"),
        ),
    )


def _counted(rate: Rates) -> tuple[int, str, str, int]:
    return rate.items, share(rate.failed, rate.items), share(rate.cut, rate.items), rate.errors


def _mean(score: Score | None) -> float | None:
    return round(score.mean, 4) if score else None


def _groups(scores: Scores) -> Iterator[blocks.Block]:
    """Draw a table of the groups of each task that has several."""
    for task in scores.tasks:
        mine = [score for score in scores.scores if score.task == task.name and score.group]
        groups = list(dict.fromkeys(score.group for score in mine))
        if len(groups) < 2:
            continue
        found = {(s.group, s.model): s for s in mine if s.metric == task.chief}
        names = [model.name for model in scores.models]
        rows = []
        for group in groups:
            items = next((found[group, name].n for name in names if (group, name) in found), 0)
            rows.append((group, items, *(_mean(found.get((group, name))) for name in names)))
        yield blocks.Table(f"{task.name} by group", ("group", "items", *names), tuple(rows))
