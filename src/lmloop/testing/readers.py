"""The battery for readers."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from lmloop.core.reader import Reader, Reject, Source
from lmloop.core.record import Record
from lmloop.testing.parts import blaming, check_part
from lmloop.testing.samples import CHINESE, ENGLISH

PLAIN: Mapping[str, bytes] = {
    "a.txt": ENGLISH.encode(),
    "b/中文.txt": CHINESE.encode(),
    "c.md": b"# Title\n\nText.\n",
    "d.jsonl": b"".join(json.dumps({"text": text}).encode() + b"\n" for text in (ENGLISH, CHINESE, "")),
}
"""Whole files of the formats that need no library."""

MOST_FILES = 20
"""So many of the files that a reader finds by itself are read."""


def check_reader(reader: Reader, files: Mapping[str, bytes] | None = None) -> None:
    """Run the battery on a reader; ``files`` are small whole files of its format (default: its example files).

    It must be documented and made again from its own settings; list its files in a fixed order under names that
    do not depend on the machine; read a file the same each time; and turn what is broken into rejects.
    """
    check_part(reader, "readers")
    whole = {**PLAIN, **reader.example_files(), **(files or {})}
    with tempfile.TemporaryDirectory() as folder, blaming(reader):
        base = Path(folder)
        _write(base, whole)
        sources = list(reader.sources(base))
        _check_sources(reader, base, sources)
        records = sum(_check_file(reader, source) for source in sources[:MOST_FILES])
        assert records, f"{reader.name()}: not one record in {', '.join(whole)}: give files of its format"
    with tempfile.TemporaryDirectory() as folder, blaming(reader):
        base = Path(folder)
        _write(base, _broken(whole))
        for source in list(reader.sources(base))[:MOST_FILES]:
            _check_file(reader, source)


def _check_sources(reader: Reader, base: Path, sources: list[Source]) -> None:
    name = reader.name()
    assert sources, f"{name}: no file found in a folder with {', '.join(PLAIN)}: give files of its format"
    assert sources == list(reader.sources(base)), f"{name}: the files are listed in another order each time"
    known = [source.name for source in sources]
    assert len(set(known)) == len(known), f"{name}: two sources have the same name"
    for source in sources:
        assert str(base) not in source.name, f"{name}: the name {source.name!r} depends on the machine"
        assert source.size == source.path.stat().st_size, f"{name}: {source.name} has another size than is said"


def _check_file(reader: Reader, source: Source) -> int:
    """Read one file twice; give the number of records."""
    name = reader.name()
    try:
        items = list(reader.read(source))
    except Exception as bad:
        what = f"{type(bad).__name__}: {bad}"
        raise AssertionError(f"{name}: {source.name} must give rejects, not stop the reading ({what})") from bad
    for item in items:
        assert isinstance(item, Record | Reject), f"{name}: gives a {type(item).__name__}, not a record or a reject"
        if isinstance(item, Reject):
            assert item.reason, f"{name}: a reject without a reason"
        else:
            json.dumps(dict(item.meta), allow_nan=False)
    told = [asdict(item) for item in items]
    assert told == [asdict(item) for item in reader.read(source)], f"{name}: {source.name} is read in two ways"
    return sum(isinstance(item, Record) for item in items)


def _broken(whole: Mapping[str, bytes]) -> dict[str, bytes]:
    """Spoil whole files: cut short, emptied, and with bytes that no format has."""
    spoilt = {}
    for name, content in whole.items():
        path = Path(name)
        spoilt[str(path.with_stem(f"{path.stem}-cut"))] = content[: len(content) // 2]
        spoilt[str(path.with_stem(f"{path.stem}-empty"))] = b""
        spoilt[str(path.with_stem(f"{path.stem}-noise"))] = b"\xff\xfe\x00" + content[::-1] + b'{"text": 3}\n[]\n\x80'
    return spoilt


def _write(base: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
