"""A dry run: ops tried on a sample, told on the terminal and, if wanted, drawn as a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lmloop.core.draft import draft
from lmloop.core.errors import RecipeError
from lmloop.faces.terminal import columns, console, heading, line, paragraph, print_json
from lmloop.report import blocks
from lmloop.report.prose import ellipsis
from lmloop.report.units import MISSING, duration, number, share, size

if TYPE_CHECKING:
    from rich.console import Console

    from lmloop.core.op import Op
    from lmloop.core.reader import Reader
    from lmloop.core.recipe import Recipe
    from lmloop.core.sampling import Sample
    from lmloop.stages.curate.advice import Advice
    from lmloop.stages.curate.trial import Trial

NEAR_SHOWN, REMARKS_SHOWN = 8, 8
"""So many thresholds are shown with texts near them, and so many remarked on; the page has all."""

EXCERPT = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many documents to try on, how many workers the whole would have, and how to show what came of it."""

    sample: int
    workers: int
    report: Path | None
    as_json: bool


def readers_of(recipe: "Recipe") -> "list[tuple[Reader, Path]]":
    """List the readers of a recipe's ingest steps, with the folder that their names start at."""
    found = [(step.reader, recipe.folder) for wired in recipe.steps if hasattr(step := wired.step, "reader")]
    if not found:
        raise RecipeError("the recipe reads no files", hint="a trial needs a step that uses ingest, or FILES")
    return found


def ops_of(recipe: "Recipe") -> "Sequence[Op]":
    """Give the ops of a recipe's curate step; of several, the first's."""
    found = [step.ops for wired in recipe.steps if hasattr(step := wired.step, "ops")]
    if not found:
        raise RecipeError("the recipe curates nothing", hint="a trial needs a step that uses curate, or --ops")
    ops: Sequence[Op] = found[0]
    return ops


def carry_out(recipe: "Recipe", readers: "Sequence[tuple[Reader, Path]]", wanted: Wanted) -> None:
    """Draw a sample, try the ops on it, and tell what came of it."""
    from lmloop.core.outside import beside
    from lmloop.core.sampling import draw
    from lmloop.stages.curate.advice import advise
    from lmloop.stages.curate.trial import try_ops

    ops = ops_of(recipe)
    with beside(recipe.folder):
        sample = draw(readers, wanted.sample)
        trial = try_ops(ops, sample.batch)
        advice = advise(trial)
        if wanted.report is not None:
            _draw(recipe, (sample, trial, advice), wanted, wanted.report)
    if wanted.as_json:
        print_json(_plain(sample, trial, advice, wanted.workers))
    else:
        _tell(console(), (sample, trial, advice), wanted)


def _draw(recipe: "Recipe", found: "tuple[Sample, Trial, list[Advice]]", wanted: Wanted, path: Path) -> None:
    from lmloop.report.page import Section, render
    from lmloop.stages.curate.trial_report import chain_blocks, trial_blocks

    sample, trial, advice = found
    shown = tuple(trial_blocks(sample, trial, advice, wanted.workers))
    chain = tuple(chain_blocks([tried.op for tried in trial.tried], sample))
    sections = [
        Section("trial", "each op on the same rows", blocks=shown),
        Section("chain", "all ops in a row", blocks=chain),
    ]
    page = render(
        "What the ops would drop", sections, {"recipe": recipe.name, "documents": number(sample.batch.num_rows)}
    )
    with draft(path) as place:
        place.write_text(page, encoding="utf-8")


def _tell(out: "Console", found: "tuple[Sample, Trial, list[Advice]]", wanted: Wanted) -> None:
    from lmloop.stages.curate.trial_report import trial_blocks

    sample, trial, advice = found
    for block in trial_blocks(sample, trial, advice, wanted.workers):
        if isinstance(block, blocks.Numbers):
            _numbers(out, block)
        elif isinstance(block, blocks.Table) and block.columns[0] == "op":
            _ops(out, block, trial.batch.num_rows)
    cutting = sorted((each for each in advice if each.share), key=lambda each: -each.share)
    if cutting:
        _thresholds(out, cutting, len(advice) - len(cutting))
        _remarks(out, cutting)
        _near(out, cutting, trial)
    if wanted.report is not None:
        click.echo(f"\nreport  {wanted.report}")


def _numbers(out: "Console", block: blocks.Numbers) -> None:
    line(out, block.title, "bold")
    rows = [(figure.label, _value(figure), figure.caption) for figure in block.figures]
    for text in columns(rows, right=(1,)):
        line(out, text, indent=2)


def _value(figure: blocks.Figure) -> str:
    if isinstance(figure.value, str) or figure.value is None:
        return str(figure.value)
    worded = {"B": size, "s": duration}.get(figure.unit, number)
    return worded(figure.value)


def _ops(out: "Console", block: blocks.Table, rows: int) -> None:
    heading(out, block.title)
    texts = [[_cell(value) for value in row] for row in block.rows]
    for row, cells in zip(texts, block.rows, strict=True):
        row[1] = f"{row[1]} ({share(float(cells[1] or 0), rows)})" if cells[1] else MISSING
    _print_table(out, [block.columns, *texts])
    paragraph(out, block.note, "dim", indent=2)


def _cell(value: blocks.Cell) -> str:
    return value if isinstance(value, str) else (MISSING if not value else number(value))


def _print_table(out: "Console", rows: "Sequence[Sequence[str]]") -> None:
    head, *lines = columns(rows, right=range(1, len(rows[0])))
    line(out, head, "dim", indent=2)
    for text in lines:
        line(out, text, indent=2)


def _thresholds(out: "Console", advice: "Sequence[Advice]", idle: int) -> None:
    from lmloop.stages.curate.advice import SHARES
    from lmloop.stages.curate.trial_report import figure, name

    heading(out, "Thresholds, those that drop most first")
    rows = [("setting", "now", "drops", *(f"for {part:.0%}" for part in SHARES), "far out")]
    for each in advice:
        fence = figure(each.fence) if each.fence is not None else ""
        rows.append((name(each), figure(each.bound.value), f"{each.share:.1%}", *map(figure, each.at), fence))
    _print_table(out, rows)
    idle_told = f" {idle} more drop nothing here." if idle else ""
    note = "for 5%: where it would have to be to drop one document in twenty; far out: Tukey's outer fence."
    paragraph(out, note + idle_told, "dim", indent=2)


def _remarks(out: "Console", advice: "Sequence[Advice]") -> None:
    """Say which thresholds to think about, and where they could lie for each language."""
    from lmloop.stages.curate.trial_report import figure, name

    odd = [each for each in advice if each.remark][:REMARKS_SHOWN]
    if not odd:
        return
    heading(out, "Worth a thought")
    for each in odd:
        at = ", ".join(f"{figure(values[1])} for {group}" for group, (_, values) in each.groups.items())
        told = f"; to drop 5% of each: {at}" if len(each.groups) > 1 else ""
        paragraph(out, f"{name(each)} {each.remark}{told}", indent=2)


def _near(out: "Console", advice: "Sequence[Advice]", trial: "Trial") -> None:
    """Show the last text that a threshold drops and the first that it keeps."""
    from lmloop.report.masks import masker
    from lmloop.stages.curate.trial_report import name

    heading(out, "Near the thresholds")
    mask = masker(tried.op.spec() for tried in trial.tried)
    for each in advice[:NEAR_SHOWN]:
        line(out, f"{name(each)} = {each.bound.value:g}", "cyan", indent=2)
        sides = {near.dropped: near for near in reversed(each.near)}
        for dropped, near in sorted(sides.items(), reverse=True):
            [whole] = mask([trial.batch.column("text")[near.place].as_py() or ""])
            text = ellipsis(" ".join(whole[:EXCERPT].split()), max(out.width - 30, 20))
            line(out, f"{'dropped' if dropped else 'kept   '} {number(near.value):>8}  {text}", indent=4)


def _plain(sample: "Sample", trial: "Trial", advice: "Sequence[Advice]", workers: int) -> dict[str, Any]:
    from lmloop.stages.curate.advice import SHARES
    from lmloop.stages.curate.trial_report import name, note_on_copies, whole_seconds

    return {
        "documents": trial.batch.num_rows,
        "files": sample.files,
        "whole": {
            "files": sample.of,
            "documents": sample.documents,
            "bytes": sample.text_bytes,
            "seconds": whole_seconds(sample, trial, workers),
        },
        "kept": trial.kept,
        "note": note_on_copies(trial),
        "ops": [
            {
                "op": tried.op.name(),
                "alone": int(tried.alone.sum()),
                "reasons": dict(tried.reasons.most_common()),
                "only": trial.only(place),
                "chain_in": tried.chain_in,
                "chain_dropped": tried.chain_dropped,
                "kept_without": tried.kept_without,
                "bytes_per_second": round(trial.text_bytes / tried.seconds) if tried.seconds else None,
            }
            for place, tried in enumerate(trial.tried)
        ],
        "thresholds": [
            {
                "setting": name(each),
                "now": each.bound.value,
                "drops": each.share,
                "at": dict(zip(map(str, SHARES), each.at, strict=True)),
                "fence": each.fence,
                "groups": {
                    group: {"drops": part, "at": dict(zip(map(str, SHARES), at, strict=True))}
                    for group, (part, at) in each.groups.items()
                },
                "remark": each.remark,
            }
            for each in advice
        ],
    }
