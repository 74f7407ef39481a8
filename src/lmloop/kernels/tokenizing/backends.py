"""Ways to encode: the reference library, and faster ones that are only used where they give the same ids.

A "drop-in replacement" that differs in one token in four hundred is easy to find and hard to notice. So each back-end
is held against the reference on a sample of the very text that is to be encoded, every time; one that differs in a
single id, or does not know the tokenizer, is refused.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from lmloop.core.errors import ExtraMissing
from lmloop.core.extras import need
from lmloop.kernels.text import Integers, text_buffer
from lmloop.kernels.tokenizing import merging
from lmloop.kernels.tokenizing.byte_pairs import byte_pairs
from lmloop.kernels.tokenizing.errors import Unsupported
from lmloop.kernels.tokenizing.merging import Ids

Flat: TypeAlias = tuple[Ids, Integers]
"""The ids of all texts, one behind the other, uint32 [tokens]; and how many each text has, int64 [texts]."""
Encode: TypeAlias = Callable[[pa.Array], Flat]

SAMPLE_BYTES = 200_000
ODD = (
    "",
    "I'll say it'S DON'T 'ſ we'Ve",
    "  two  spaces\t\ttabs \r\n\r\n\n lines\u2028\u3000 end  ",
    "1234567 12,345.67 ½ ② Ⅷ ٣ 〇〸",
    "中文Python混排，标点。「引号」 全角１２３ＡＢＣ カタカナー ひらがな 한글",
    "camelCaseHTTPServer snake_case __init__(self):\n    return {'a': [1, 2]}\n\n\n\tif x != y:\n",
    "e\u0301\u0e31\u200b\u200d👩‍👩‍👧 \x00\x7f\u0085\ufeff <|eos|> <|im_start|>",
    "a" * 700 + " " * 200 + "!" * 200 + "\n" * 200 + "7" * 200 + "中" * 200,
)
"""Texts that back-ends have been seen to differ on."""


@dataclass(frozen=True, slots=True)
class Check:
    """What came of holding a back-end against the reference: why it was refused (empty: equal), and its speed."""

    name: str
    refused: str
    megabytes_per_second: float = 0.0


def reference(core: Any) -> Encode:
    """Encode with the reference library, ``tokenizers``."""

    def encode(texts: pa.Array) -> Flat:
        core.encode_special_tokens = True
        found = core.encode_batch_fast(texts.to_pylist(), add_special_tokens=False)
        return _flat([np.array(item.ids, np.uint32) for item in found])

    return encode


def compiled(core: Any) -> Encode:
    """Encode with :mod:`lmloop.kernels.tokenizing.merging`."""
    pairs = byte_pairs(core)
    encoder = merging.Encoder(pairs.cut, pairs.table(), merging.cache())
    slow = reference(core)

    def encode(texts: pa.Array) -> Flat:
        ids, counts = merging.encode(encoder, text_buffer(texts))
        return (ids, counts) if (counts >= 0).all() else _mend(ids, counts, texts, slow)

    return encode


def tiktoken(core: Any) -> Encode:
    """Encode with ``tiktoken``, made from the same merges."""
    library = need("tiktoken", "train")
    content = json.loads(core.to_str())
    tokens = byte_pairs(core).tokens
    split = content["pre_tokenizer"].get("pretokenizers", [{}])[0].get("pattern", {}).get("Regex")
    if split is None:
        raise Unsupported("it has no pattern")
    ranks = {token: number for number, token in tokens.items()}
    encoding = library.Encoding("lmloop", pat_str=split, mergeable_ranks=ranks, special_tokens={})

    def encode(texts: pa.Array) -> Flat:
        return _flat([np.array(encoding.encode_ordinary(text), np.uint32) for text in texts.to_pylist()])

    return encode


def fastokens(core: Any) -> Encode:
    """Encode with ``fastokens``, an optional package."""
    library = need("fastokens", "tokenizer")
    inner = library.Tokenizer.from_json_str(core.to_str())

    def encode(texts: pa.Array) -> Flat:
        found = inner.encode_batch(texts.to_pylist(), add_special_tokens=False, split_special_tokens=True)
        return _flat([np.array(getattr(item, "ids", item), np.uint32) for item in found])

    return encode


BACKENDS: dict[str, Callable[[Any], Encode]] = {
    "compiled": compiled,
    "fastokens": fastokens,
    "tiktoken": tiktoken,
    "reference": reference,
}
"""The fastest first."""


def choose(core: Any, texts: pa.Array) -> tuple[str, Encode]:
    """Take the fastest back-end that gives the reference's ids on a sample of the texts."""
    for name in BACKENDS:
        made, refused = _try(name, core, sample(texts))
        if made is not None and not refused:
            return name, or_reference(made, reference(core))
    return "reference", reference(core)


def check(core: Any, texts: pa.Array) -> list[Check]:
    """Hold every back-end that is installed against the reference; the texts are the sample."""
    size = sum(len(text.encode()) for text in texts.to_pylist()) / 1e6
    checks = []
    for name in BACKENDS:
        made, refused = _try(name, core, texts)
        speed = 0.0
        if made is not None:
            start = time.process_time()
            made(texts)
            speed = size / max(time.process_time() - start, 1e-9)
        checks.append(Check(name, refused, speed))
    return checks


def sample(texts: pa.Array) -> pa.Array:
    """Take some texts from all over the column, about 200 kB, and odd ones."""
    taken, size = [], 0
    order = np.random.default_rng(0).permutation(len(texts))
    for place in order.tolist():
        text = texts[place].as_py() or ""
        taken.append(text[:SAMPLE_BYTES])
        size += len(taken[-1])
        if size >= SAMPLE_BYTES:
            break
    return pa.array([*taken, *ODD], pa.large_string())


def first_difference(one: Flat, other: Flat) -> int | None:
    """Give the first text that has other ids; None where all are equal."""
    if len(one[0]) == len(other[0]) and np.array_equal(one[1], other[1]) and np.array_equal(one[0], other[0]):
        return None
    pairs = zip(split(one), split(other), strict=True)
    return next(n for n, (left, right) in enumerate(pairs) if not np.array_equal(left, right))


def split(flat: Flat) -> list[Ids]:
    """Give the ids of each text."""
    return np.split(flat[0], np.cumsum(flat[1])[:-1]) if len(flat[1]) else []


def or_reference(fast: Encode, slow: Encode) -> Encode:
    """Let the reference encode what a back-end fails on: text with a byte that has no token, for one."""

    def encode(texts: pa.Array) -> Flat:
        try:
            return fast(texts)
        except Exception:  # a library of others may raise anything
            if len(texts) < 2:
                return slow(texts)
        half = len(texts) // 2
        left, right = encode(texts[:half]), encode(texts[half:])
        return np.concatenate([left[0], right[0]]), np.concatenate([left[1], right[1]])

    return encode


def _try(name: str, core: Any, texts: pa.Array) -> tuple[Encode | None, str]:
    try:
        made = BACKENDS[name](core)
        found = made(texts)
    except (Unsupported, ExtraMissing) as why:
        return None, str(why)
    except Exception as bad:  # a library of others may raise anything on what it does not know
        return None, f"{type(bad).__name__}: {bad}"
    different = first_difference(found, reference(core)(texts))
    return made, "" if different is None else f"other ids for {texts[different].as_py()[:40]!r}"


def _flat(found: Iterable[Ids]) -> Flat:
    rows = list(found)
    counts = np.array([len(row) for row in rows], np.int64)
    return (np.concatenate(rows) if rows else np.empty(0, np.uint32)), counts


def _mend(ids: Ids, counts: Integers, texts: pa.Array, slow: Encode) -> Flat:
    """Let the reference encode the texts that were left out."""
    left = np.flatnonzero(counts < 0)
    whole = iter(split((ids, np.maximum(counts, 0))))
    mended = dict(zip(left.tolist(), split(slow(texts.take(pa.array(left)))), strict=True))
    rows: Sequence[Ids] = [mended.get(n, row) for n, row in enumerate(whole)]
    return _flat(rows)
