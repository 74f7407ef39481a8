"""Lines read as columns and lines read row by row: the same rows, rejects and batches, whatever stands there."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lmloop.core.batch import Batch
from lmloop.core.reader import Reject
from lmloop.formats import fields, json_columns, lines
from lmloop.readers.jsonl import Jsonl

NAMES = ["text", "id", "url", "source", "source_", "prompt", "choices", "answer", "a", "a.b", 'q"', "é", ""]
SCALARS = (
    st.text(max_size=12)
    | st.sampled_from(['/\\"\n\t\x01\x7f', "\U0001f600语言", "\0", "x" * 40, "\ud800"])
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.decimals(-9, 9, allow_nan=False, places=16).map(float)
    | st.booleans()
    | st.none()
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.sampled_from(NAMES), SCALARS, max_size=3)
ODD_LINES = st.sampled_from(
    [
        b"",
        b" \t\r",
        b"\x0b",
        b"\xef\xbb\xbf{}",
        b'{"text": "a", "text": "b"}',
        b'{"text": "a", "url": 1, "url": 2}',
        b'{"t\\u0065xt": "a"}',
        b'{"text": "a", "te\\u0078t": "b"}',
        b'{"text": "\\ud83d\\ude00 \\ud83d"}',
        b'{"text": "\\ud83d\\ude00 \\u00e9\\/\\b\\f\\n\\r\\t\\\\ \\""}',
        b'{"text": "a", "url": "\\/\\u00e9\\n"}',
        b'{"text": "a" "url": 1}',
        b'{"text": "a"} x',
        b'{"text": "a",}',
        b'{"text": "a", "a": -0, "url": 01, "id": -}',
        b'{"text": "a", "a": -0, "id": -5, "url": 999999999999999999}',
        b'{"text": "a", "a": 1.50, "id": 1e5, "url": 9223372036854775808}',
        b'{"text": "a", "a": 0.1234567890123456789, "id": 0.00012345678901234567, "url": 5e-324}',
        b'{"text": "a", "a": 0.30000000000000004, "id": 0.3000000000000000, "url": 123456789012345.0}',
        b'{"text": "a", "a": 0.1000000000000000055, "id": 9007199254740993.0, "url": 1.0}',
        b'{"text": "a", "a": -0.0, "id": 0.0001, "url": 0.00001, "b": 0.0}',
        b'{"text": "a", "a": 1., "id": .5, "url": 1.e3, "b": 00.5}',
        b'{"text": "a", "a": [}, "url": {"text": "b", "l": ["]", "}"]}}',
        b'{"text": "a", "a": {"b": 3, "text": "c"}, "id": true}',
        b'{"text": "a\\',
        b'{"text": "a\x01"}',
        b'{"text": "\xff"}',
        b'{"text": "\xe8\xaf"}',
        b'{"text": "\xed\xa0\x80"}',
        b'{"text": "\xf4\x90\x80\x80\xc0\xaf"}',
        b'{"text": "a", "url": nul, "id": falsE}',
        b'{"text": "a", "id": "\\ud800"}',
        b'{"text": "a", "url": NaN}',
        b'{"text": null, "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}',
        b'{"text": "' + "中文".encode() * 30 + b'", "id": "' + "中文".encode("gb18030") + b'"}',
    ]
)


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """Write an object as some program might, mostly with a text."""
    row: dict[str, Any] = draw(st.dictionaries(st.sampled_from(NAMES[1:]), VALUES, max_size=4))
    if draw(st.integers(0, 9)):
        items = list(row.items())
        items.insert(draw(st.integers(0, len(items))), ("text", draw(st.text(max_size=30))))
        row = dict(items)
    tight = draw(st.booleans())
    line = json.dumps(row, ensure_ascii=draw(st.booleans()), separators=(",", ":") if tight else None)
    return line.encode("utf-8", "surrogatepass")


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Put lines together, and spoil a byte of some."""
    content = []
    for whole in draw(st.lists(objects() | ODD_LINES, max_size=12)):
        line = whole
        if line and not draw(st.integers(0, 7)):
            place = draw(st.integers(0, len(line) - 1))
            line = line[:place] + draw(st.binary(max_size=2)) + line[place + 1 :]
        content.append(line + draw(st.sampled_from([b"\n", b"\r\n", b" \n"])))
    return b"".join(content)[: -1 if draw(st.booleans()) else None]


def read(folder: Path, name: str, **settings: Any) -> "list[Batch | Reject]":
    reader = Jsonl(files=[name], **settings)
    return [item for source in reader.sources(folder) for item in reader.read_batches(source)]


def both_ways(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, packed: bool, **settings: Any) -> None:
    name = "x.jsonl.gz" if packed else "x.jsonl"
    (folder / name).write_bytes(gzip.compress(content, 0) if packed else content)
    monkeypatch.setattr(json_columns, "SMALL", 1 << 40)
    expected = read(folder, name, **settings)
    monkeypatch.setattr(json_columns, "SMALL", 0)
    found = read(folder, name, **settings)
    assert [type(item) for item in found] == [type(item) for item in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.equals(other) if isinstance(one, pa.RecordBatch) else one == other


@settings(max_examples=200)
@given(
    files(),
    st.booleans(),
    st.fixed_dictionaries(
        {
            "id": st.sampled_from([None, "id", "url"]),
            "meta": st.sampled_from([["*"], [], ["id"], ["url", "é", "text"], ["a.b", "source", "a.b"], ["*", "a.b"]]),
            "max_mb": st.sampled_from([64.0, 0.0001]),
            "encoding": st.sampled_from(["auto", "gb18030"]),
            "text": st.sampled_from(["text", "text", "text", "a.b", "url"]),
        }
    ),
)
@example(b"\n".join([b'{"text": "a"}'] * 20), False, {})
def test_columns_are_what_rows_are(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, packed: bool, chosen: dict[str, Any]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(fields, "BATCH_ROWS", 3)
        monkeypatch.setattr(fields, "BATCH_BYTES", 300)
        monkeypatch.setattr(lines, "CHUNK", 100)
        both_ways(folder, monkeypatch, content, packed, **chosen)
