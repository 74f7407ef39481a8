"""Raw logs into one table, a row a request: after the test, and in little memory."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lmloop.core.draft import draft
from lmloop.loadtest.frames import Exchange, read
from lmloop.loadtest.replies import ending, read_reply

BATCH: Final = 500
SCHEMA: Final = pa.schema(
    [
        ("run", pa.int32()),  # of a sweep: which of its tests
        ("session", pa.int32()),
        ("turn", pa.int16()),
        ("worker", pa.int16()),
        ("intended", pa.int64()),  # all moments in ns from the start of the test
        ("begun", pa.int64()),
        ("sent", pa.int64()),
        ("ended", pa.int64()),
        ("stamps", pa.list_(pa.int64())),  # of each part that held text
        ("written", pa.list_(pa.int64())),  # the server's own, where it tells
        ("asked", pa.int64()),  # when the server had read the request, where it tells
        ("status", pa.int16()),
        ("ending", pa.string()),
        ("why", pa.string()),
        ("finish", pa.string()),
        ("prompt_tokens", pa.int32()),
        ("tokens", pa.int32()),
        ("counted", pa.string()),  # usage, or parts: one token each
        ("reused", pa.bool_()),
        ("bytes", pa.int64()),
    ]
)


def parse(log: Path, out: Path, run: int, start: int) -> int:
    """Parse a raw log into a Parquet file and give the number of rows; ``start`` is the moment that it counts from."""
    return write(out, _batches(_row(exchange, run, start) for exchange in read(log)))


def write(out: Path, batches: Iterable[pa.RecordBatch]) -> int:
    """Write batches into a file that is there whole or not at all."""
    count = 0
    with draft(out) as place, pq.ParquetWriter(place, SCHEMA, compression="zstd") as file:
        for batch in batches:
            file.write_batch(batch)
            count += batch.num_rows
    return count


def join(parts: Iterable[Path], out: Path) -> int:
    """Put files behind each other."""
    return write(out, (batch for part in parts for batch in pq.ParquetFile(part).iter_batches(BATCH)))


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    while held := list(islice(rows, BATCH)):
        yield pa.RecordBatch.from_arrays([_column(field, held) for field in SCHEMA], schema=SCHEMA)


def _column(field: pa.Field, rows: Sequence[dict[str, Any]]) -> pa.Array:
    values = [row[field.name] for row in rows]
    if not pa.types.is_list(field.type):
        return pa.array(values, field.type)
    edges = np.cumsum([0, *map(len, values)], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(edges), pa.array(np.concatenate(values)))


def _row(exchange: Exchange, run: int, start: int) -> dict[str, Any]:
    reply = read_reply(exchange)
    how, why = ending(exchange, reply)
    used = reply.usage.get("completion_tokens")
    by_usage = isinstance(used, int)
    return {
        "run": run,
        "session": exchange.session,
        "turn": exchange.turn,
        "worker": exchange.worker,
        "intended": exchange.intended,
        "begun": exchange.begun,
        "sent": exchange.sent,
        "ended": exchange.ended,
        "stamps": np.frombuffer(reply.stamps, np.int64),
        "written": np.frombuffer(reply.written, np.int64) - start,
        "asked": reply.asked - start if reply.asked else None,
        "status": reply.status,
        "ending": how,
        "why": why,
        "finish": reply.finish,
        "prompt_tokens": reply.usage.get("prompt_tokens"),
        "tokens": used if by_usage else len(reply.stamps),
        "counted": "usage" if by_usage else "parts",
        "reused": exchange.reused,
        "bytes": len(exchange.raw),
    }
