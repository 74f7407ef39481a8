"""Tables of runs from files: CSV, TSV, JSON, JSON Lines or Parquet, with the column names that people use."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lmloop.core.errors import DataError, closest
from lmloop.kernels.scaling.numbers import Row, numbers_of, plain, unit_of
from lmloop.kernels.scaling.points import FLOPS_EACH, Floats, Points

KNOWN: Mapping[str, tuple[str, ...]] = {
    "params": (
        "params", "n", "parameters", "n_params", "num_params", "model_size", "model_params", "total_params", "size",
        "参数量", "参数", "参数数量", "模型大小", "模型规模",
    ),
    "nonembedding": (
        "params_nonembedding", "n_nonembedding", "non_embedding_params", "nonembedding_params", "non_emb_params",
        "params_non_embedding", "params_no_embedding", "n_nonemb", "非嵌入参数", "非嵌入参数量",
    ),
    "tokens": (
        "tokens", "d", "training_tokens", "train_tokens", "n_tokens", "num_tokens", "data", "tokens_seen",
        "词元", "词元数", "训练词元", "训练词元数", "数据量", "token数", "训练token数",
    ),
    "loss": (
        "loss", "val_loss", "final_loss", "validation_loss", "eval_loss", "test_loss", "nll", "cross_entropy",
        "损失", "验证损失", "最终损失", "测试损失",
    ),
    "flops": (
        "flops", "c", "compute", "training_flop", "training_flops", "train_flops", "flop", "total_flops",
        "计算量", "训练计算量", "算力",
    ),
}  # fmt: skip
"""What each column may be called; letters' case, spaces and signs do not matter, and a unit may follow."""

SMALL, HIGH = 1e4, 50.0
"""Sizes that are all below the first are in thousands, millions or billions; losses above the second are no nats."""


def read_rows(path: Path) -> list[Row]:
    """Read a table, one mapping a row.

    Raises:
        DataError: it is not what its name says, or has no rows.
    """
    ending = path.suffix.lower()
    try:
        rows: list[Any]
        if ending == ".parquet":
            import pyarrow.parquet as pq

            rows = pq.read_table(path).to_pylist()
        else:
            rows = _parse(_text(path.read_bytes()), ending)
    except (ValueError, OSError, csv.Error) as bad:
        raise DataError(f"{path} cannot be read: {bad}", hint="its name must say what it holds") from None
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise DataError(f"{path} has no rows with named columns", hint="the first line of a CSV names its columns")
    return rows


def find_column(rows: Sequence[Row], wanted: str, names: Mapping[str, str], known: Iterable[str] = ()) -> str | None:
    """Find the column that holds something: the one that ``names`` says, or one of those it is known by.

    A unit may stand behind a known name: ``params (B)``, ``tokens_millions``.

    Raises:
        DataError: ``names`` says a column that is not there.
    """
    columns = list(rows[0])
    if wanted in names:
        if names[wanted] not in columns:
            hint = closest(names[wanted], columns)
            raise DataError(f"the table has no column {names[wanted]!r} for {wanted}", hint=hint)
        return names[wanted]
    exact = {plain(column): column for column in columns}
    with_unit = {unit_of(column)[0]: column for column in columns}
    known = tuple(known or KNOWN[wanted])
    found = (where[name] for where in (exact, with_unit) for name in known if name in where)
    return next(found, None)


def points_of(rows: Sequence[Row], names: Mapping[str, str], count: str, group: str) -> tuple[Points, dict[str, int]]:
    """Make points of a table's rows, and count those that cannot be used by reason.

    ``names`` says which column is what where its name does not; ``count`` is ``total`` or ``non-embedding``;
    ``group`` names the column that tells what a row belongs to, if any. Two of params, tokens and FLOPs are enough:
    the third is from C = 6ND.

    Raises:
        DataError: a column is missing, or no row can be used.
    """
    sized = "nonembedding" if count == "non-embedding" else "params"
    place = {name: find_column(rows, name, names) for name in (sized, "tokens", "loss", "flops")}
    if place["loss"] is None or sum(place[name] is not None for name in (sized, "tokens", "flops")) < 2:
        missing = [name for name in (sized, "tokens", "loss") if place[name] is None]
        hint = f'say which column is what: columns = {{ {missing[0]} = "..." }}; there are: {", ".join(rows[0])}'
        told = "two of params, tokens and flops are needed, and the loss"
        raise DataError(f"the table has no column for {', '.join(missing)}: {told}", hint=hint)
    if group and group not in rows[0]:
        raise DataError(f"the table has no column {group!r} to compare", hint=closest(group, rows[0]))
    columns = {name: numbers_of(rows, column) if column else None for name, column in place.items()}
    _plausible({name: values for name, values in columns.items() if name not in names}, place)
    n, d, c = _complete(columns[sized], columns["tokens"], columns["flops"])
    loss = columns["loss"]
    assert loss is not None
    good, reasons = np.ones(len(rows), dtype=bool), {}
    for name, values in (("params", n), ("tokens", d), ("flops", c), ("loss", loss)):
        for what, bad in (("is no number", ~np.isfinite(values)), ("is not above zero", ~(values > 0))):
            fresh = int((good & bad).sum())
            if fresh:
                reasons[f"{name} {what}"] = fresh
            good &= ~bad
    tags = [str(row[group]) if group else "" for row in rows]
    good &= ~_repeated(zip(n, d, c, loss, tags, strict=True), good, reasons)
    if not good.any():
        raise DataError("no row of the table can be used", hint="; ".join(f"{k}: {v}" for k, v in reasons.items()))
    groups = tuple(dict.fromkeys(tag for tag, keep in zip(tags, good, strict=True) if keep))
    numbers = np.array([groups.index(tag) if tag in groups else 0 for tag in tags], dtype=np.int64)
    return Points(n, d, loss, c, numbers, groups).where(good), reasons


def _complete(n: Any, d: Any, c: Any) -> tuple[Any, Any, Any]:
    """Work out the one of N, D and C that is not there."""
    with np.errstate(all="ignore"):
        n = c / (FLOPS_EACH * d) if n is None else n
        d = c / (FLOPS_EACH * n) if d is None else d
        c = FLOPS_EACH * n * d if c is None else np.where(np.isfinite(c), c, FLOPS_EACH * n * d)
    return n, d, c


def _plausible(columns: Mapping[str, Floats | None], place: Mapping[str, str | None]) -> None:
    """Raise a DataError for what is in another unit than it says: a fit of it would look well, and be wrong."""
    for name, values in columns.items():
        usable = values[np.isfinite(values)] if values is not None else np.empty(0)
        if not len(usable):
            continue
        column = place[name]
        if name != "loss" and usable.max() < SMALL:
            raise DataError(
                f"the column {column!r} holds {usable.min():g} to {usable.max():g}: that is no number of {name}",
                hint=f"if those are billions, call it '{name} (B)', or write {usable.max():g}B",
            )
        if name == "loss" and np.median(usable) > HIGH:
            raise DataError(
                f"the column {column!r} holds {usable.min():g} to {usable.max():g}: that is no loss in nats a token",
                hint="are those perplexities, or decimals behind a comma? write the loss, with a dot",
            )


def _repeated(keys: Iterable[tuple[Any, ...]], good: Any, reasons: dict[str, int]) -> Any:
    """Mark rows that say the very same run again, and count them: twice the same loss is no second run."""
    seen: set[tuple[Any, ...]] = set()
    again = np.zeros(len(good), dtype=bool)
    for at, key in enumerate(keys):
        again[at] = good[at] and key in seen
        if good[at]:
            seen.add(key)
    if again.any():
        reasons["the same run again"] = int(again.sum())
    return again


def _text(content: bytes) -> str:
    """Read a file's text: UTF-8, UTF-16 if it says so, or else what Chinese spreadsheets write."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")


def _parse(text: str, ending: str) -> list[Any]:
    if ending == ".json":
        found = json.loads(text)
        return found if isinstance(found, list) else [found]
    if ending in (".jsonl", ".ndjson"):
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    lines = text.splitlines()
    while lines and (not lines[0].strip() or (lines[0].startswith("#") and not re.search("[,;\t]", lines[0]))):
        del lines[0]  # notes above the table
    sign = "\t" if ending == ".tsv" else _separator(lines[0] if lines else "")
    table = csv.DictReader(lines, delimiter=sign, skipinitialspace=True)
    twice = [name for name, count in Counter(table.fieldnames or []).items() if count > 1 and name]
    if twice:
        raise ValueError(f"it has {twice[0]!r} as the name of two columns")
    rows = list(table)
    for at, row in enumerate(rows, 2):
        if None in row and any(str(cell).strip() for cell in row[None]):
            raise ValueError(f"row {at} has more cells than there are columns; quote numbers that hold a {sign!r}")
        row.pop(None, None)
    return [row for row in rows if any(str(cell or "").strip() for cell in row.values())]


def _separator(first: str) -> str:
    return max(",;\t", key=first.count)
