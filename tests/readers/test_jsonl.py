import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.reader import Reject
from lmloop.core.record import Record
from lmloop.readers.jsonl import Jsonl


def read(lines: list[bytes], folder: Path, **settings: object) -> list[Record | Reject]:
    (folder / "x.jsonl").write_bytes(b"\n".join(lines))
    reader = Jsonl(files=["x.jsonl"], **settings)
    return [item for source in reader.sources(folder) for item in reader.read(source)]


def test_each_bad_line_is_rejected_with_its_place_and_the_next_is_read(tmp_path):
    lines = [
        b'{"text": "one", "url": "u", "junk": 1}',
        b"not json",
        b"[1]",
        b'{"text": 7}',
        b"",
        b"[" * 100_000,
        b'{"text": "' + b"x" * 3000 + b'"}',
        b'{"text": "q", "choices": ["a"], "answer": 5}',
        '{"text": "二", "prompt": [{"role": "user", "text": "hi"}]}'.encode(),
    ]
    found = read(lines, tmp_path, meta=["url"], max_mb=0.001)
    assert [(item.source, item.reason) for item in found if isinstance(item, Reject)] == [
        ("x.jsonl:2", "not JSON"),
        ("x.jsonl:3", "not an object"),
        ("x.jsonl:4", "no text"),
        ("x.jsonl:6", "line too long"),
        ("x.jsonl:7", "line too long"),
        ("x.jsonl:8", "not a record"),
    ]
    one, two = (item for item in found if isinstance(item, Record))
    assert (one.text, one.meta) == ("one", {"url": "u", "source": "x.jsonl:1"})
    assert (two.text, two.prompt[0].text, two.meta["source"]) == ("二", "hi", "x.jsonl:9")


@given(st.lists(st.binary(max_size=40) | st.text().map(lambda t: json.dumps({"text": t}).encode())))
def test_anything_gives_a_record_or_a_reject_for_each_line(tmp_path_factory, lines):
    folder = tmp_path_factory.getbasetemp()
    found = read(lines, folder, encoding="utf-8")
    assert len(found) == sum(bool(line.strip()) for line in b"\n".join(lines).split(b"\n"))
