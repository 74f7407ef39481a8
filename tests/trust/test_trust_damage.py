"""Full disks, files that cannot be read, damaged folders, two runs at once, and clocks that go backwards."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from trust_project import contents, make_project, run, start

from lmloop import Store
from lmloop.core.lineage import find_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make_project(folder)
    assert run(folder, "runs", "--workers", "1")[0] == 0
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A project of its own with finished runs."""
    return Path(shutil.copytree(made, tmp_path / "project"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with next to no room."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=220k", "tmpfs", place], check=False).returncode:
        pytest.skip("a file system can only be mounted by root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_full_disk_is_one_message_and_with_room_the_run_goes_on(made: Path, small_disk: Path, workers: str) -> None:
    code, said = run(made, str(small_disk / "runs"), "--workers", workers)
    assert code == 1
    assert "the disk is full" in said
    assert "hint: make room and run it again" in said
    assert "Traceback" not in said
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    assert run(made, str(small_disk / "runs"), "--workers", workers)[0] == 0
    assert contents(small_disk / "runs") == contents(made / "runs")


def test_files_that_cannot_be_read_are_counted_and_the_others_read(project: Path) -> None:
    texts = project / "texts"
    (texts / "200.txt").symlink_to("nowhere.txt")
    (texts / "201.txt").write_bytes(b"\x81")
    (texts / "202 中文.txt").write_text(
        "a name with spaces and Chinese, and quite long enough to be kept by the filter"
    )
    (texts / "203.txt").mkdir()
    assert run(project, "other", "--workers", "2")[0] == 0
    raw = find_run(project / "other", "raw")
    rejects = [json.loads(line) for line in (raw / "rejects.jsonl").read_text().splitlines()]
    assert [(row["source"], row["reason"]) for row in rejects] == [
        ("texts/200.txt", "unreadable"),
        ("texts/201.txt", "encoding"),
    ]
    assert json.loads((raw / "run.json").read_text())["metrics"]["records"] == 121


DAMAGES = {
    "a file is gone": lambda folder: next((folder / "data").iterdir()).unlink(),
    "a file is cut short": lambda folder: os.truncate(next((folder / "data").iterdir()), 10),
    "the card is garbage": lambda folder: (folder / "run.json").write_text("{"),
    "the card is gone": lambda folder: (folder / "run.json").unlink(),
    "the folder is a file": lambda folder: (shutil.rmtree(folder), folder.write_text("x")),
    "the card is another's": lambda folder: (folder / "run.json").write_text(
        (folder / "run.json").read_text().replace(json.loads((folder / "run.json").read_text())["key"], "0" * 32)
    ),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_folder_is_moved_aside_and_made_again(project: Path, what: str) -> None:
    before = contents(project / "runs")
    clean = find_run(project / "runs", "clean")
    DAMAGES[what](clean)
    code, said = run(project, "runs", "--workers", "1")
    assert code == 0
    assert f"{clean.name} is damaged" in said
    aside = clean.with_name(f"{clean.name}.damaged-1")
    assert aside.exists()
    shutil.rmtree(aside) if aside.is_dir() else aside.unlink()
    assert contents(project / "runs") == before


def test_garbage_in_an_unfinished_folder_is_no_harm(project: Path) -> None:
    before = contents(project / "runs")
    clean = find_run(project / "runs", "clean")
    part = clean.with_name(f"{clean.name}.part")
    clean.rename(part)
    (part / "run.json").write_text("garbage")
    (part / "data" / "00000.parquet").write_text("garbage")
    assert run(project, "runs", "--workers", "1")[0] == 0
    assert {name: data for name, data in contents(project / "runs").items() if ".damaged-" not in name} == before


def test_two_runs_at_once_make_each_folder_once(project: Path) -> None:
    both = [start(project, "both", "--workers", "2") for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert contents(project / "both") == contents(project / "runs")
    with Store(project / "both" / "lmloop.db") as store:
        assert len(store.runs()) == 3


def test_a_lost_store_and_a_clock_gone_backwards_change_nothing(project: Path) -> None:
    for place in project.glob("runs/lmloop.db*"):
        place.unlink()
    for card in project.glob("runs/*/run.json"):
        os.utime(card, (1e9, 1e9))
    for text in project.glob("texts/*.txt"):
        os.utime(text, (4e9, 4e9))
    before = contents(project / "runs")
    code, said = run(project, "runs", "--workers", "1")
    assert (code, contents(project / "runs")) == (0, before), said
    with Store(project / "runs" / "lmloop.db") as store:
        assert [folder.rpartition("-")[0] for folder in store.runs()] == ["page", "clean", "raw"]


def test_a_text_that_changes_under_one_time_stamp_is_seen(project: Path) -> None:
    text = project / "texts" / "001.txt"
    stamp = text.stat()
    text.write_text(text.read_text()[::-1])
    os.utime(text, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    old = find_run(project / "runs", "raw")
    assert run(project, "runs", "--workers", "1")[0] == 0
    assert find_run(project / "runs", "raw") != old
