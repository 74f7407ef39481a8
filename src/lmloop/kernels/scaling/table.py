"""Tables of runs from files: CSV, TSV, JSON, JSON Lines or Parquet, with the column names that people use."""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from lmloop.core.errors import DataError, closest
from lmloop.kernels.scaling.points import FLOPS_EACH, Points

Row: TypeAlias = Mapping[str, Any]

KNOWN: Mapping[str, tuple[str, ...]] = {
    "params": (
        "params", "n", "parameters", "n_params", "num_params", "model_size", "model_params", "total_params", "size",
    ),
    "nonembedding": (
        "params_nonembedding", "n_nonembedding", "non_embedding_params", "nonembedding_params", "non_emb_params",
        "params_non_embedding", "params_no_embedding", "n_nonemb",
    ),
    "tokens": ("tokens", "d", "training_tokens", "train_tokens", "n_tokens", "num_tokens", "data", "tokens_seen"),
    "loss": ("loss", "val_loss", "final_loss", "validation_loss", "eval_loss", "test_loss", "nll", "cross_entropy"),
    "flops": ("flops", "c", "compute", "training_flop", "training_flops", "train_flops", "flop", "total_flops"),
}  # fmt: skip
"""What each column may be called; letters' case, spaces and signs do not matter."""

LETTERS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
NUMBER = re.compile(r"([-+]?[0-9][0-9_,]*(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?)\s*([kmbgt]?)", re.IGNORECASE)


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
            rows = _parse(path.read_text(encoding="utf-8-sig"), ending)
    except (ValueError, OSError, csv.Error) as bad:
        raise DataError(f"{path} cannot be read: {bad}", hint="its name must say what it holds") from None
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise DataError(f"{path} has no rows with named columns", hint="the first line of a CSV names its columns")
    return rows


def number(value: Any) -> float:
    """Read a number as people write it: 1.3e9, 1,300,000,000 or 1.3B; not a number (NaN) where it is none."""
    if isinstance(value, bool) or value is None:
        return float("nan")
    if isinstance(value, int | float):
        return float(value)
    match = NUMBER.fullmatch(str(value).strip())
    return float(re.sub("[_,]", "", match[1])) * LETTERS[match[2].lower()] if match else float("nan")


def find_column(rows: Sequence[Row], wanted: str, names: Mapping[str, str], known: Iterable[str] = ()) -> str | None:
    """Find the column that holds something: the one that ``names`` says, or one of those it is known by.

    Raises:
        DataError: ``names`` says a column that is not there.
    """
    columns = list(rows[0])
    if wanted in names:
        if names[wanted] not in columns:
            hint = closest(names[wanted], columns)
            raise DataError(f"the table has no column {names[wanted]!r} for {wanted}", hint=hint)
        return names[wanted]
    plain = {_plain(column): column for column in columns}
    return next((plain[name] for name in known or KNOWN[wanted] if name in plain), None)


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
        raise DataError(f"the table has no column for {', '.join(missing)}", hint=hint)
    if group and group not in rows[0]:
        raise DataError(f"the table has no column {group!r} to compare", hint=closest(group, rows[0]))
    columns = {
        name: np.array([number(row.get(column)) for row in rows]) if column else None for name, column in place.items()
    }
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
    if not good.any():
        raise DataError("no row of the table can be used", hint="; ".join(f"{k}: {v}" for k, v in reasons.items()))
    tags = [str(row[group]) if group else "" for row in rows]
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


def _parse(text: str, ending: str) -> list[Any]:
    if ending == ".json":
        found = json.loads(text)
        return found if isinstance(found, list) else [found]
    if ending in (".jsonl", ".ndjson"):
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    sign = "\t" if ending == ".tsv" else _separator(text)
    return list(csv.DictReader(text.splitlines(), delimiter=sign, skipinitialspace=True))


def _separator(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]+", "_", str(name).lower()).strip("_")
