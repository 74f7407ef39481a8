"""What a trial found, as blocks: the sample, each op, the thresholds and the rows near them."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from lmloop.core.engine.chain import run_chain
from lmloop.core.engine.pool import Pool
from lmloop.core.engine.shards import DATA, ShardWriter
from lmloop.core.op import Op
from lmloop.core.progress import Silent
from lmloop.core.sampling import Sample
from lmloop.report import blocks
from lmloop.report.masks import masker
from lmloop.stages.curate.advice import SHARES, Advice
from lmloop.stages.curate.origins import names_of
from lmloop.stages.curate.seeing import describe
from lmloop.stages.curate.trial import Trial, Tried

ENGINE = 1.1
"""The engine's own work comes on top of the ops'."""

EXCERPT = 700
MOST_GROUPS = 4
WITHIN = "copies are only found within the sample: on the whole, {} will find more"


def whole_seconds(sample: Sample, trial: Trial, workers: int) -> float:
    """Estimate how long reading and curating the whole takes."""
    each = trial.seconds / max(trial.text_bytes, 1)
    return (sample.read_seconds + each * sample.text_bytes * ENGINE) / workers


def trial_blocks(sample: Sample, trial: Trial, advice: Sequence[Advice], workers: int) -> list[blocks.Block]:
    """Show a trial: numbers, ops, what they drop together, thresholds, and texts near them."""
    ops = [tried.op for tried in trial.tried]
    advice = sorted(advice, key=lambda each: -each.share)
    found: list[blocks.Block] = [_numbers(sample, trial, workers), _ops(trial)]
    if sum(bool(tried.alone.any()) for tried in trial.tried) > 1:
        found.append(_together(trial))
    if advice:
        found += [_thresholds(advice), _by_group(advice), _near(trial, advice, ops)]
    return [block for block in found if not isinstance(block, blocks.Table) or block.rows]


def chain_blocks(ops: Sequence[Op], sample: Sample) -> list[blocks.Block]:
    """Run the chain over the sample as a curation would, somewhere that is removed again, and show what that shows."""
    with TemporaryDirectory() as place:
        source, out = Path(place) / "sample", Path(place) / "out"
        out.mkdir()
        with ShardWriter(source / DATA / "00000.parquet") as shard:
            shard.write(sample.batch)
        with Pool(1, Silent()) as pool:
            totals = run_chain(ops, [source], out, pool, samples=-1)
        return describe(out, totals, ops)


def note_on_copies(trial: Trial) -> str:
    """Say that ops which must see all rows saw only the sample; nothing where there is none."""
    names = [tried.op.name() for tried in trial.tried if tried.sees_all]
    return WITHIN.format(" and ".join(dict.fromkeys(names))) if names else ""


def _numbers(sample: Sample, trial: Trial, workers: int) -> blocks.Numbers:
    share = trial.kept / max(trial.batch.num_rows, 1)
    speed = trial.text_bytes / trial.seconds / 1e6 if trial.seconds else 0.0
    at = f"{speed:,.0f} MB/s for all ops on one core, {workers} worker{'s' if workers > 1 else ''}"
    seen = f"of about {sample.documents:,}, from {sample.files:,} of {sample.of:,} files"
    if sample.rejects:
        seen += f"; {sample.rejects:,} places in them could not be read"
    figures = (
        blocks.Figure("documents looked at", trial.batch.num_rows, caption=seen),
        blocks.Figure("would be kept", f"{share:.1%}", caption=f"{trial.kept:,} of the sample"),
        blocks.Figure("the whole", sample.text_bytes, "B", caption="of text, about"),
        blocks.Figure("time for the whole", whole_seconds(sample, trial, workers), "s", caption=at),
    )
    return blocks.Numbers("A trial on a sample; nothing was written", figures)


def _ops(trial: Trial) -> blocks.Table:
    columns = ("op", "drops alone", "only it drops", "given in the chain", "drops there", "kept without it", "MB/s")
    rows = tuple(_op_row(trial, place, tried) for place, tried in enumerate(trial.tried))
    note = (
        "rows; alone: of the rows as they were read; only it: of those, what no other op drops; kept without it: how "
        "many more the chain would keep if this op were left out. " + note_on_copies(trial)
    )
    return blocks.Table("What each op drops, alone and in the chain", columns, rows, note=note.strip())


def _op_row(trial: Trial, place: int, tried: Tried) -> tuple[blocks.Cell, ...]:
    speed = round(trial.text_bytes / 1e6 / tried.seconds, 1) if tried.seconds else None
    counts = int(tried.alone.sum()), trial.only(place), tried.chain_in, tried.chain_dropped
    return (tried.op.name(), *counts, tried.kept_without - trial.kept, speed)


def _together(trial: Trial) -> blocks.Matrix:
    able = [place for place, tried in enumerate(trial.tried) if tried.alone.any()]
    names = tuple(trial.tried[place].op.name() for place in able)
    groups: list[blocks.Lost] = []
    for place in able:
        lost = int(trial.tried[place].alone.sum())
        losses = tuple(trial.both(place, other) if other != place else 0 for other in able)
        groups.append(blocks.Lost(names[len(groups)], lost, trial.only(place), losses))
    note = "of the rows that the op of a line drops alone: the share that no other op drops (kept), and each other op"
    return blocks.Matrix("What ops drop together", names, tuple(groups), note=note)


def _thresholds(advice: Sequence[Advice]) -> blocks.Table:
    columns = ("setting", "now", "drops", *(f"for {share:.0%}" for share in SHARES), "far out", "remark")
    rows = tuple(
        (
            name(each),
            figure(each.bound.value),
            f"{each.share:.1%}",
            *(figure(value) for value in each.at),
            figure(each.fence) if each.fence is not None else "",
            each.remark,
        )
        for each in advice
    )
    note = (
        "for 5%: the value at which one document in twenty would go for this alone; far out: three interquartile "
        "ranges beyond the quartiles (Tukey's outer fence). They say where documents lie and not which are good: look "
        "at those near the threshold"
    )
    return blocks.Table("Thresholds, those that drop most first", columns, rows, note=note)


def _by_group(advice: Sequence[Advice]) -> blocks.Table:
    columns = ("setting", "now", "group", "drops", *(f"for {share:.0%}" for share in SHARES))
    rows = tuple(
        (name(each), figure(each.bound.value), group, f"{share:.1%}", *(figure(value) for value in at))
        for each in advice
        if len(each.groups) > 1 and each.share
        for group, (share, at) in list(each.groups.items())[:MOST_GROUPS]
    )
    return blocks.Table("Thresholds by language", columns, rows, note="by script where no op recognises languages")


def _near(trial: Trial, advice: Sequence[Advice], ops: Sequence[Op]) -> blocks.Examples:
    mask = masker(op.spec() for op in ops)
    examples = []
    sources = names_of_rows(trial)
    texts = trial.batch.column("text")
    for each in advice:
        if not each.share:
            continue
        shown = mask([texts[near.place].as_py() or "" for near in each.near])
        for near, text in zip(each.near, shown, strict=True):
            excerpt = text.strip("\n")[:EXCERPT]
            stats = {each.bound.statistic.replace("_", " "): near.value, each.bound.label: None}
            reason = f"{name(each)} = {each.bound.value:g}"
            kept = not near.dropped
            examples.append(blocks.Example(reason, excerpt, source=sources[near.place], stats=stats, kept=kept))
    return blocks.Examples("Near the thresholds: the last dropped and the first kept", tuple(examples))


def names_of_rows(trial: Trial) -> list[str]:
    """Give each row's source."""
    found = names_of(pa.Table.from_batches([trial.batch]), "source")
    return [source or "" for source in found.to_pylist()]


def name(advice: Advice) -> str:
    """Name a threshold as ``--set`` does: ``gopher-quality.min_words``."""
    return f"{advice.bound.op}.{advice.bound.setting}"


def figure(value: float) -> str:
    """Write a threshold with as many digits as it is worth."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
