"""What the page's templates are given for each block: every number already worded, every place worked out."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lmloop.report import blocks
from lmloop.report.charts import curve, histogram, shades
from lmloop.report.dag import lineage
from lmloop.report.prose import difference, is_long, marked
from lmloop.report.ridges import splits
from lmloop.report.units import MINUS, fixed, measure, number, pair, share, short, size

LONGEST_TEXT = 6000
MOST_CLUSTERS = 40
MOST_MEMBERS = 6
BARS_SHOWN = 12


def view(block: blocks.Block, anchors: Mapping[str, str]) -> dict[str, Any]:
    """The block as its template wants it. `anchors` are the page's sections by step name."""
    kind = blocks.kind_of(block)
    seen = {"kind": kind, "title": block.title, "note": block.note}
    if isinstance(block, blocks.Lineage):
        return {**seen, "drawing": lineage(block, anchors), "states": _states(block)}
    return {**seen, **VIEWS[kind](block)}


def _numbers(block: blocks.Numbers) -> dict[str, Any]:
    figures = []
    for figure in block.figures:
        value, unit = pair(figure.value, figure.unit)
        figures.append({"label": figure.label, "value": value, "unit": unit, "caption": figure.caption})
    return {"figures": figures}


def _funnel(block: blocks.Funnel) -> dict[str, Any]:
    first = block.stages[0] if block.stages else blocks.Stage("", 0, 0)
    last = block.stages[-1] if block.stages else first
    widest = max((max(stage.rows_in, stage.rows_out) for stage in block.stages), default=0) or 1
    return {
        "first": {"rows": number(first.rows_in), "bytes": _bytes(first.bytes_in)},
        "stages": [_stage(stage, widest, first.rows_in) for stage in block.stages],
        "kept": share(last.rows_out, first.rows_in),
        "rows": number(last.rows_out),
        "bytes": _bytes(last.bytes_out),
        "bytes_kept": share(last.bytes_out, first.bytes_in) if first.bytes_in else "",
    }


def _stage(stage: blocks.Stage, widest: int, first: int) -> dict[str, Any]:
    lost = stage.rows_in - stage.rows_out
    drops = sorted(stage.drops.items(), key=lambda item: (-item[1], item[0]))
    most = max(stage.drops.values(), default=0) or 1
    told = [f"{stage.name}: {number(stage.rows_in)} rows in, {number(stage.rows_out)} out"]
    if stage.bytes_in:
        told.append(f"{size(stage.bytes_in)} in, {size(stage.bytes_out)} out")
    return {
        "name": stage.name,
        "rows": number(stage.rows_out),
        "bytes": _bytes(stage.bytes_out),
        "lost": f"{MINUS}{number(lost)}" if lost > 0 else f"+{number(-lost)}" if lost < 0 else "",
        "lost_share": share(abs(lost), stage.rows_in),
        "of_first": share(stage.rows_out, first),
        "wide": round(100 * min(stage.rows_in, stage.rows_out) / widest, 3),
        "gone": round(100 * max(lost, 0) / widest, 3),
        "drops": [
            {"reason": reason, "count": number(count), "wide": round(100 * count / most, 1)} for reason, count in drops
        ],
        "tip": "\n".join(told),
    }


def _histogram(block: blocks.Histogram) -> dict[str, Any]:
    return {"plot": histogram(block), "legend": _legend(block.series), "y_name": block.y_name, "splits": splits(block)}


def _legend(series: Sequence[blocks.Series]) -> list[dict[str, str]]:
    coloured = zip(shades(len(series)), series, strict=True)
    return [{"name": each.name, "shade": shade, "value": ""} for shade, each in coloured]


def _curve(block: blocks.Curve) -> dict[str, Any]:
    legend = []
    for place, line in enumerate(block.lines):
        last = next((value for value in reversed(line.y) if value is not None), None)
        told = "" if line.dots else short(last) if abs(last or 0) >= 1e6 else number(last)
        legend.append({"name": line.name, "shade": f"s{place % 6}{' lone' * line.dots}", "value": told})
    return {"plot": curve(block), "legend": legend, "y_name": block.y_name}


def _bars(block: blocks.Bars) -> dict[str, Any]:
    coloured = list(zip(shades(len(block.series)), block.series, strict=True))
    longest = 0
    most = max((abs(value or 0) for series in block.series for value in series.values), default=0) or 1
    rows = []
    for row, category in enumerate(block.categories):
        bars = []
        for shade, series in coloured:
            value = series.values[row] if row < len(series.values) else None
            told = measure(value, block.unit)
            longest = max(longest, len(told))
            wide = round(100 * abs(value or 0) / most, 3)
            tip = f"{category}\n{series.name}: {told}" if series.name else f"{category}: {told}"
            bars.append({"shade": shade, "value": told, "wide": wide, "tip": tip})
        rows.append({"name": category, "bars": bars})
    return {
        "rows": rows[:BARS_SHOWN],
        "more": rows[BARS_SHOWN:],
        "legend": _legend(block.series),
        "room": round(14 + 6.8 * longest),
    }


def _table(block: blocks.Table) -> dict[str, Any]:
    numeric = [
        any(_is_number(row[place]) for row in block.rows if place < len(row))
        and all(row[place] is None or _is_number(row[place]) for row in block.rows if place < len(row))
        for place in range(len(block.columns))
    ]
    places = [_decimals(block, place) for place in range(len(block.columns))]
    rows = [[_cell(value, at) for value, at in zip(row, places, strict=False)] for row in block.rows]
    return {"columns": list(zip(block.columns, numeric, strict=True)), "rows": rows, "numeric": numeric}


def _is_number(value: blocks.Cell) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _decimals(block: blocks.Table, place: int) -> int | None:
    """The decimals that a column's numbers share, so that they line up; None where all are whole."""
    found = [row[place] for row in block.rows if place < len(row)]
    finite = [value for value in found if isinstance(value, float) and math.isfinite(value)]
    if not finite:
        return None
    return max(0, min(4, 3 - math.floor(math.log10(max(map(abs, finite)) or 1))))


def _cell(value: blocks.Cell, decimals: int | None) -> dict[str, Any]:
    """How a cell reads, and what it sorts by."""
    if isinstance(value, bool):
        return {"text": "yes" if value else "no", "order": int(value)}
    if isinstance(value, str):
        return {"text": value, "order": ""}
    if value is None or not math.isfinite(value):
        return {"text": number(None), "order": ""}
    return {"text": fixed(value, decimals), "order": value}


def _matrix(block: blocks.Matrix) -> dict[str, Any]:
    widest = max((group.rows for group in block.groups), default=0) or 1
    return {"columns": block.columns, "groups": [_lost(block, group, widest) for group in block.groups]}


def _lost(block: blocks.Matrix, group: blocks.Lost, widest: int) -> dict[str, Any]:
    cells = []
    for column, lost, why in zip(block.columns, group.losses, group.why or ("",) * len(group.losses), strict=False):
        part = lost / group.rows if group.rows else 0.0
        told = f"{group.name}, {column}: {number(lost)} of {number(group.rows)} rows"
        cells.append(
            {
                "share": share(lost, group.rows) if lost else "",
                "order": part,
                # the root makes small losses visible beside large ones
                "depth": round(100 * part**0.5),
                "tip": f"{told}\n{why}" if lost and why else told,
            }
        )
    return {
        "name": group.name,
        "rows": number(group.rows),
        "rows_order": group.rows,
        "wide": round(100 * group.rows / widest, 1),
        "kept": share(group.kept, group.rows),
        "kept_wide": round(100 * group.kept / widest, 1),
        "kept_order": group.kept / group.rows if group.rows else 0.0,
        "cells": cells,
    }


def _heat(block: blocks.Heat) -> dict[str, Any]:
    known = [value for row in block.values for value in row if value is not None]
    least, most = min(known, default=0.0), max(known, default=0.0)
    low = min(0.0, least)
    rows = []
    for name, values in zip(block.rows, block.values, strict=False):
        cells = []
        for column, value in zip(block.columns, values, strict=False):
            depth = 0 if value is None or most == low else round(100 * (value - low) / (most - low))
            where = f"{block.row_name} {name}, {block.column_name} {column}".replace("  ", " ").strip()
            told = number(value) if value is None or isinstance(value, int) else f"{value:.2f}"
            cells.append({"text": told, "depth": depth, "order": value, "tip": f"{where}: {number(value)}"})
        rows.append({"name": name, "cells": cells})
    return {"columns": block.columns, "column_name": block.column_name, "row_name": block.row_name, "rows": rows}


def _drops(block: blocks.Drops) -> dict[str, Any]:
    ops: dict[str, list[dict[str, Any]]] = {}
    most = max((reason.count for reason in block.reasons), default=0) or 1
    for place, reason in enumerate(block.reasons):
        ops.setdefault(reason.op, []).append(
            {
                "place": place,
                "op": reason.op,
                "reason": reason.reason,
                "count": number(reason.count),
                "exact": reason.count,
                "wide": round(100 * reason.count / most, 1),
                "carried": reason.carried,
                "statistic": reason.statistic,
                "bound": "" if reason.bound is None else f"{reason.bound:g}",
                "low": reason.low,
                "rows": reason.rows,
            }
        )
    return {"ops": [{"name": op, "reasons": reasons} for op, reasons in ops.items()]}


def _examples(block: blocks.Examples) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for example in block.examples:
        counts[example.reason] = counts.get(example.reason, 0) + 1
    places = {reason: place for place, reason in enumerate(counts)}
    tabs = [{"reason": reason, "place": places[reason], "count": count} for reason, count in counts.items()]
    rounds: dict[str, int] = {}
    shown = []
    for example in block.examples:
        rounds[example.reason] = rounds.get(example.reason, 0) + 1
        shown.append((rounds[example.reason], places[example.reason], example))
    # One of each reason, then the second of each: whoever looks at the first few sees them all.
    shown.sort(key=lambda entry: entry[:2])
    return {"tabs": tabs, "examples": [{**_example(example), "place": place} for _, place, example in shown]}


def _example(example: blocks.Example) -> dict[str, Any]:
    text = example.text[:LONGEST_TEXT]
    cut = len(example.text) - len(text)
    return {
        "reason": example.reason,
        "kept": example.kept,
        "facts": [fact for fact in (example.op, example.source, example.id) if fact],
        "stats": [(name, number(value)) for name, value in example.stats.items()],
        "pieces": marked(text, example.spans),
        "long": is_long(text),
        "cut": number(cut) if cut else "",
    }


def _clusters(block: blocks.Clusters) -> dict[str, Any]:
    clusters = [_cluster(cluster) for cluster in block.clusters[:MOST_CLUSTERS]]
    return {"clusters": clusters, "hidden": number(max(len(block.clusters) - MOST_CLUSTERS, 0))}


def _cluster(cluster: blocks.Cluster) -> dict[str, Any]:
    kept = next((member for member in cluster.members if member.id == cluster.kept), None)
    dropped = [member for member in cluster.members if member is not kept]
    base = kept.text if kept else ""
    members = [
        {
            "id": member.id,
            "source": member.source,
            "similarity": f"{member.similarity:.2f}" if member.similarity is not None else "",
            "wide": round(100 * (member.similarity or 0), 1),
            "pieces": difference(base, member.text) if kept else marked(member.text, ()),
            "same": base == member.text,
        }
        for member in dropped[:MOST_MEMBERS]
    ]
    shown = len(members) + (kept is not None)
    return {
        "size": number(cluster.size),
        "kept": {
            "id": cluster.kept,
            "source": kept.source if kept else "",
            "text": base,
            "long": is_long(base),
        },
        "members": members,
        "hidden": number(cluster.size - shown) if cluster.size > shown else "",
    }


def _text(block: blocks.Text) -> dict[str, Any]:
    return {"passages": [_passage(passage) for passage in block.passages]}


def _passage(passage: blocks.Passage) -> dict[str, Any]:
    long = is_long(passage.text)
    return {"label": passage.label, "code": passage.code, "text": passage.text, "long": long}


def _states(block: blocks.Lineage) -> dict[str, int]:
    steps = [node for node in block.nodes if node.use != "file"]
    made = sum(node.made for node in steps)
    return {"made": made, "kept": len(steps) - made, "files": len(block.nodes) - len(steps)}


def _bytes(count: int) -> str:
    return size(count) if count else ""


VIEWS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "numbers": _numbers,
    "funnel": _funnel,
    "histogram": _histogram,
    "bars": _bars,
    "curve": _curve,
    "table": _table,
    "matrix": _matrix,
    "heat": _heat,
    "drops": _drops,
    "examples": _examples,
    "clusters": _clusters,
    "text": _text,
}
