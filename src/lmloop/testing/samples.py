"""Texts that break things: what the battery feeds to every op."""

from typing import Any

import numpy as np
import pyarrow as pa

from lmloop.core.batch import SCHEMA, Batch, from_records, with_stats, with_text
from lmloop.core.record import Record, Turn

ENGLISH = (
    "The quick brown fox jumps over the lazy dog, and the dog has nothing to say about it. "
    "That is how it has been with foxes and dogs since the first fable was told.\n\n"
    "A second paragraph follows, because documents have them.\n"
)
CHINESE = (
    "语言模型从文本中学习。数据的质量决定模型的质量，因此清洗语料是第一步。\n\n"
    "第二段：重复的内容会让模型记住不该记住的东西，去重能够减少这种情况。\n"
)
HOSTILE = (
    "",
    "a",
    "中",
    " ",
    "\n",
    "\t \r\n \n\n",
    "\x00",
    "a\x00b\x07c\x1b[31m red \x7f\x85",
    "👩‍👩‍👧‍👦 🏳️‍🌈 😀" * 20,
    "e\u0301\u0301\u0301 \u202eright to left\u202c العربية עברית",
    "\ufeffbyte order mark \ufffe \uffff \U0010ffff",
    "ａｂｃ１２３，。！？「」『』",
    "x" * 20_000,
    "word " * 5_000,
    "一" * 5_000,
    "line\n" * 3_000,
    "• point …\n- point ...\n# # # {lorem ipsum} javascript",
    "http://example.com/a?b=c me@example.com 10.0.0.1 +86 138 0013 8000",
    "3.14 1,000 ½ ② Ⅷ ٣",
    "ß ﬁ İ ǅ ſ Σς",
)


def sample_batch() -> Batch:
    """Make a batch of good, bad and repeated rows; one text is null, and another op's statistics are beside."""
    texts = [f"{i}. {text}" for i in range(4) for text in (ENGLISH, CHINESE)]
    texts += [*HOSTILE, ENGLISH, CHINESE, ENGLISH, ENGLISH.upper(), CHINESE + ENGLISH, "the end", "null"]
    records = [Record(text=text, meta={"source": f"file-{i}.txt"}, id=f"row{i:04d}") for i, text in enumerate(texts)]
    records.append(
        Record("A reply.", (Turn("user", "问？"),), ("yes", "no"), answer=1, meta={"n": [1, None]}, id="reply")
    )
    batch = from_records(records)
    column = batch.column("text").to_pylist()
    column[texts.index("null")] = None
    batch = with_text(batch, column)
    return with_stats(batch, "earlier", {"rank": np.arange(batch.num_rows)})


def same(one: pa.RecordBatch, other: pa.RecordBatch) -> bool:
    """Say whether two batches hold the same; what is no number is the same as itself."""
    if one.schema != other.schema or one.num_rows != other.num_rows:
        return False
    return all(same_values(one.column(i), other.column(i)) for i in range(one.num_columns))


def record_columns(batch: Batch) -> Batch:
    """Leave out the statistics."""
    return batch.select(SCHEMA.names)


def same_values(one: pa.Array, other: pa.Array) -> bool:
    """Say whether two columns hold the same; what is no number is the same as itself."""
    if pa.types.is_floating(one.type):
        values = one.to_numpy(zero_copy_only=False), other.to_numpy(zero_copy_only=False)
        return np.array_equal(*values, equal_nan=True) and bool(one.is_null().equals(other.is_null()))
    return bool(one.equals(other))


def as_arrow(values: Any) -> pa.Array:
    """Make an Arrow array of a statistic, which may be one already."""
    return values if isinstance(values, pa.Array) else pa.array(values)
