from pathlib import Path

import pytest

from lmloop.core.errors import DataError
from lmloop.core.reader import Reader, Reject
from lmloop.core.record import Record
from lmloop.readers.text import Text


def read(reader: Reader, base: Path) -> list[Record | Reject]:
    return [item for source in reader.sources(base) for item in reader.read(source)]


def test_names_folders_and_patterns_in_order_each_once(tmp_path):
    for name in ("b.txt", "sub/a.md", "sub/c.py", "中文 名.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    names = [s.name for s in Text(files=["sub", "*.txt", "b.txt"]).sources(tmp_path)]
    assert names == ["b.txt", "sub/a.md", "中文 名.txt"]
    assert [item.text for item in read(Text(files=["sub/**/*"]), tmp_path)] == ["sub/a.md", "sub/c.py"]


def test_broken_and_large_files_are_rejected_with_the_reason(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "b.txt").write_text("x" * 2000)
    (tmp_path / "c.txt").write_text("fine")
    found = read(Text(files=["."], max_mb=0.001), tmp_path)
    assert [item.reason if isinstance(item, Reject) else item.text for item in found] == [
        *("encoding", "too large", "fine")
    ]


def test_a_pattern_without_a_file_is_a_clear_mistake(tmp_path):
    with pytest.raises(DataError, match=r"no file matches 'nothing/\*'"):
        list(Text(files=["nothing/*"]).sources(tmp_path))
