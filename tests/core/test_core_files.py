"""Names, folders and patterns become one ordered list, and files are whole or not there."""

import gzip
import json
import os
from errno import ENOSPC
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lmloop.core.draft import draft, sweep
from lmloop.core.errors import DataError, ExtraMissing, StepError, closest, told
from lmloop.core.extras import need
from lmloop.core.files import expand
from lmloop.core.outside import OutsideFile, beside


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.txt", "a.txt", "sub/c.txt", "sub/深/d e.txt", "sub/e.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    (tmp_path / "gone.txt").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["."], ["a.txt", "b.txt", "gone.txt", "loop", "sub/c.txt", "sub/深/d e.txt"]),
        (["sub"], ["sub/c.txt", "sub/深/d e.txt"]),
        (["b.txt", "a.txt", "*.txt"], ["a.txt", "b.txt", "gone.txt"]),
        (["sub/**/*.md"], ["sub/e.md"]),
        (["sub/深/d e.txt"], ["sub/深/d e.txt"]),
    ],
)
def test_patterns_stand_for_files_in_order(tree: Path, patterns: list[str], names: list[str]) -> None:
    found = list(expand(patterns, tree, [".txt"]))
    assert [source.name for source in found] == names
    assert all(source.path == tree / source.name for source in found)


def test_a_pattern_for_nothing_is_a_mistake(tree: Path) -> None:
    with pytest.raises(DataError, match=r"no file matches '\*.pdf'"):
        list(expand(["*.pdf"], tree, [".pdf"]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_opened_is_listed(tree: Path) -> None:
    (tree / "sub").chmod(0)
    assert "sub" in [source.name for source in expand(["."], tree, [".txt"])]


def test_a_draft_takes_its_place_or_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")

    def write_and_fail() -> None:
        with draft(path) as place:
            place.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert (path.read_text(), len(list(tmp_path.iterdir()))) == ("old", 1)
    with draft(path) as place:
        place.write_text("new")
    assert path.read_text() == "new"
    (tmp_path / "y.123.tmp").write_text("left by a killed run")
    sweep(tmp_path)
    assert [left.name for left in tmp_path.iterdir()] == ["x"]


ROWS = [{"question": "一加一？", "choices": ["二", "三"]}, {"question": "One and one?", "choices": ["two"]}]
TEXTS = [["一加一？", "二", "三"], ["One and one?", "two"]]


def test_files_beside_a_recipe_are_read_by_their_names(tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("一加一？,二,三\nOne and one?,two\n")
    with beside(tmp_path):
        for name in ("a.jsonl", "a.jsonl.gz", "a.json", "a.parquet", "a.csv"):
            assert list(OutsideFile.found(name).records()) == TEXTS, name
        (tmp_path / "list.txt").write_text("# words\n one \n\ntwo\n")
        assert OutsideFile.found("list.txt").lines() == ["one", "two"]
        with pytest.raises(ValueError, match="there is no file"):
            OutsideFile.found("none.txt")


def test_a_file_is_told_by_what_it_holds(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text("same")
    one, two = (OutsideFile.found(str(tmp_path / folder / "x.txt")) for folder in ("one", "two"))
    assert one.identity() == two.identity()
    (tmp_path / "two" / "x.txt").write_text("other")
    assert one.identity() != two.identity()
    (tmp_path / "bad.jsonl").write_text("{")
    with pytest.raises(DataError, match=r"bad.jsonl cannot be read"):
        list(OutsideFile.found(str(tmp_path / "bad.jsonl")).records())


def test_what_is_not_installed_is_told_with_the_line_that_installs_it() -> None:
    with pytest.raises(ExtraMissing, match="needs the package 'nowhere_at_all'") as missing:
        need("nowhere_at_all.inside", "curate")
    assert missing.value.hint == "pip install 'lmloop[curate]'"
    assert need("json", "curate") is json


@pytest.mark.parametrize(
    ("bad", "message"),
    [(OSError(ENOSPC, "full"), "the disk is full"), (OSError(5, "broken"), "broken"), (MemoryError(), "out of memory")],
)
def test_what_the_machine_refuses_is_one_message(bad: Exception, message: str) -> None:
    with pytest.raises(StepError, match=message), told("the work"):
        raise bad


def test_hints_name_what_looks_alike() -> None:
    assert closest("gopher-qualty", ["gopher-quality", "exact"]) == "did you mean 'gopher-quality'?"
    assert closest("zzz", ["b", "a"]) == "there are: a, b"
    assert closest("zzz", []) == ""
