"""The client's own error, where the server tells when it did what: on the same machine, by the same clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from lmloop.loadtest.clock import SECOND
from lmloop.loadtest.measures import Array, Spread


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far measured times are from the truth, in seconds, without sign.

    ``client`` compares what the client stamped with what the server did; ``known`` with what it was set to do, which
    has the server's own lateness in it (``server``). Each has a spread for ``ttft`` and for ``itl``.
    """

    client: Mapping[str, Spread]
    known: Mapping[str, Spread]
    server: Mapping[str, Spread]


def calibrate(table: Path, run: int, delays: tuple[float, float]) -> Calibration | None:
    """Reckon the errors of a test against known delays (first token, between tokens); None where no server told."""
    columns = ["ending", "sent", "stamps", "written", "asked"]
    rows = pq.read_table(table, columns=columns, filters=[("run", "=", run), ("ending", "=", "ok")]).combine_chunks()
    if not rows.num_rows or rows["asked"].null_count:
        return None
    stamps, written = (rows[name].combine_chunks() for name in ("stamps", "written"))
    edges = stamps.offsets.to_numpy()
    here, there = stamps.flatten().to_numpy(), written.flatten().to_numpy()
    if len(here) != len(there) or not (np.diff(edges) > 0).all():
        return None
    firsts = edges[:-1]
    inner = np.ones(len(here), bool)
    inner[firsts] = False
    seen = {"ttft": here[firsts] - rows["sent"].to_numpy(), "itl": np.diff(here, prepend=0)[inner]}
    done = {"ttft": there[firsts] - rows["asked"].to_numpy(), "itl": np.diff(there, prepend=0)[inner]}
    planned = dict(zip(("ttft", "itl"), delays, strict=True))
    return Calibration(
        {name: _error(seen[name] - done[name]) for name in planned},
        {name: _error(seen[name] - planned[name] * SECOND) for name in planned},
        {name: _error(done[name] - planned[name] * SECOND) for name in planned},
    )


def _error(off: Array) -> Spread:
    return Spread.of(np.abs(off) / SECOND)
