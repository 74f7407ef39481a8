"""Traces of real traffic: when requests came, how long they were, and what was said, if that is in the file."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from lmloop.core.errors import DataError

MOMENTS = ("at", "timestamp", "time", "arrival", "arrivaltime", "timestampms", "relativetimestamp")
ASKED = ("inputlength", "contexttokens", "requesttokens", "inputtokens", "prompttokens", "promptlen")
ANSWERED = ("outputlength", "generatedtokens", "responsetokens", "outputtokens", "completiontokens", "outputlen")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request of a trace: seconds since the first, tokens asked and answered, and the text if it is there."""

    at: float
    asked: int | None
    answered: int | None
    text: str


def read_trace(path: Path, speed: float) -> list[Arrival]:
    """Read a trace from JSON Lines or CSV, in order of time; ``speed`` 2 replays it in half the time.

    The columns may be named as in the traces of Mooncake (milliseconds, with ``hash_ids``), Azure and BurstGPT. Times
    are seconds, or dates; ``timestamp_ms`` are milliseconds.

    Raises:
        DataError: it is no trace.
    """
    rows = [_read(row, f"{path}:{number}") for number, row in enumerate(_rows(path), 1)]
    if not rows:
        raise DataError(f"{path} has no rows", hint="a trace has a row for each request: timestamp, input_length, ...")
    rows.sort(key=lambda row: row.at)
    first = rows[0].at
    return [Arrival((row.at - first) / speed, row.asked, row.answered, row.text) for row in rows]


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        if path.suffix.lower() in (".csv", ".tsv"):
            with path.open(encoding="utf-8-sig", newline="") as file:
                yield from csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            return
        with path.open("rb") as lines:
            for line in lines:
                if line.strip():
                    row = orjson.loads(line)
                    if not isinstance(row, dict):
                        raise DataError(f"{path}: a line is no object: {line[:60]!r}")
                    yield row
    except (ValueError, csv.Error) as bad:
        raise DataError(f"{path} cannot be read: {bad}", hint="a trace is JSON Lines (.jsonl) or .csv") from None


def _read(row: Mapping[str, Any], place: str) -> Arrival:
    plain = {_plain(str(name)): value for name, value in row.items()}
    name = next((name for name in MOMENTS if plain.get(name) not in (None, "")), None)
    if name is None:
        raise DataError(f"{place} says no time: it has {', '.join(row)}", hint="name the column timestamp, in seconds")
    scale = 1e-3 if name == "timestampms" or "hashids" in plain else 1.0
    try:
        at = _moment(plain[name]) * scale
        asked, answered = (_count(plain, names) for names in (ASKED, ANSWERED))
    except ValueError as bad:
        raise DataError(f"{place}: {bad}") from None
    return Arrival(at, asked, answered, str(plain.get("text") or plain.get("prompt") or ""))


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _moment(value: Any) -> float:
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(value)
    except ValueError:
        # seven digits of a second, as Azure writes, are one more than Python reads
        head, dot, digits = str(value).strip().partition(".")
        return datetime.fromisoformat(head + dot + digits[:6] if dot else head).timestamp()


def _count(row: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    value = next((row[name] for name in names if row.get(name) not in (None, "")), None)
    return None if value is None else max(1, int(float(value)))
