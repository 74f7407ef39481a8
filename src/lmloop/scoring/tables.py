"""Files of benchmark items as rows: JSON, JSON Lines, CSV, TSV and Parquet, packed (``.gz``, ``.bz2``) or not."""

import bz2
import csv
import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from lmloop.core.errors import DataError


def read_lines(path: Path) -> Iterator[str]:
    """Give the lines of a text file, without their ends.

    Raises:
        DataError: it cannot be read.
    """
    with _reading(path), _open(path) as file:
        yield from (line.rstrip("\n") for line in file)


def read_text(path: Path) -> str:
    """Give a text file whole.

    Raises:
        DataError: it cannot be read.
    """
    with _reading(path), _open(path) as file:
        return file.read()


def read_cells(path: Path) -> Iterator[list[str]]:
    """Give the rows of a CSV or TSV file, its first included.

    Raises:
        DataError: it cannot be read.
    """
    with _reading(path), _open(path) as file:
        yield from csv.reader(file, delimiter="\t" if _ending(path) == "tsv" else ",")


def read_json(path: Path) -> Any:
    """Give what a JSON file holds.

    Raises:
        DataError: it cannot be read.
    """
    with _reading(path), _open(path) as file:
        return json.load(file)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Give the rows of a file by the names of their fields, whatever its format.

    A JSON file holds a list of rows, or has one under ``examples``, ``example`` or ``data``.

    Raises:
        DataError: it cannot be read, or holds no rows.
    """
    ending = _ending(path)
    if ending == "parquet":
        with _reading(path):
            import pyarrow.parquet as pq

            yield from pq.read_table(path).to_pylist()
    elif ending in ("csv", "tsv"):
        cells = read_cells(path)
        names = next(cells, [])
        yield from (dict(zip(names, row, strict=False)) for row in cells if row)
    elif ending in ("jsonl", "ndjson"):
        with _reading(path):
            yield from (json.loads(line) for line in read_lines(path) if line.strip())
    else:
        yield from _rows_within(path, read_json(path))


def _rows_within(path: Path, whole: Any) -> list[dict[str, Any]]:
    if isinstance(whole, dict):
        whole = next((whole[name] for name in ("examples", "example", "data") if name in whole), None)
    if not isinstance(whole, list):
        raise DataError(f"{path} holds no list of rows")
    return whole


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, EOFError, csv.Error) as bad:
        raise DataError(f"{path} cannot be read: {bad}", hint="its name must say what it holds") from None


def _open(path: Path) -> IO[str]:
    opener: Any = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)
    file: IO[str] = opener(path, "rt", encoding="utf-8-sig", newline="" if _ending(path) in ("csv", "tsv") else None)
    return file


def _ending(path: Path) -> str:
    name = path.name.removesuffix(".gz").removesuffix(".bz2")
    return name.rpartition(".")[2].lower()
