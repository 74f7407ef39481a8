"""Killed at any moment and run again, a recipe gives the bytes of an undisturbed run."""

import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest
from trust_project import contents, kill_all, make_project, run, start


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    make_project(folder)
    assert run(folder, "undisturbed", "--workers", "2")[0] == 0
    return folder


def test_twenty_kills_in_a_row_and_a_rerun_give_the_same_bytes(project: Path) -> None:
    chance = random.Random(11)
    for _ in range(20):
        process = start(project, "killed", "--workers", "2")
        try:
            process.wait(timeout=chance.uniform(0.3, 2.5))
        except Exception:
            kill_all(process)
        else:
            process.communicate()
    assert run(project, "killed", "--workers", "2")[0] == 0
    assert contents(project / "killed") == contents(project / "undisturbed")


@pytest.mark.parametrize("workers", ["1", "3"])
def test_any_number_of_workers_and_any_memory_give_the_same_bytes(project: Path, workers: str) -> None:
    assert run(project, f"w{workers}", "--workers", workers, "--memory", "300MB")[0] == 0
    assert contents(project / f"w{workers}") == contents(project / "undisturbed")


def test_workers_end_when_their_parent_is_killed_and_one_dead_worker_is_survived(project: Path) -> None:
    process = start(project, "worker", "--workers", "2")
    workers = _workers(process.pid)
    os.kill(workers[0].pid, signal.SIGKILL)
    assert process.wait(timeout=60) == 0
    process.communicate()
    assert contents(project / "worker") == contents(project / "undisturbed")

    process = start(project, "orphans", "--workers", "2")
    workers = _workers(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_an_interrupt_is_one_line_and_leaves_nobody_behind(project: Path) -> None:
    process = start(project, "interrupted", "--workers", "2")
    workers = _workers(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.splitlines()[-3].startswith("error: stopped while making")
    assert "Traceback" not in said
    assert not psutil.wait_procs(workers, timeout=10)[1]
    assert run(project, "interrupted")[0] == 0
    assert contents(project / "interrupted") == contents(project / "undisturbed")


def test_a_task_that_kills_its_worker_is_named(tmp_path: Path) -> None:
    make_project(tmp_path)
    slow = (tmp_path / "slow.py").read_text()
    deadly = "if any('one more' in text for text in batch.column('text').to_pylist()):"
    change = f"{deadly}\n            os.kill(os.getpid(), signal.SIGKILL)\n        return batch"
    (tmp_path / "slow.py").write_text(
        slow.replace("import time", "import os\nimport signal\nimport time").replace("return batch", change)
    )
    code, said = run(tmp_path, "runs", "--workers", "2")
    assert code == 1
    assert "a worker died 3 times on shard" in said
    assert "hint: " in said
    assert "Traceback" not in said


def _workers(parent: int) -> list[psutil.Process]:
    """Wait until both workers are there, and give them."""
    for _ in range(400):
        children = psutil.Process(parent).children(recursive=True)
        workers = [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]
        if len(workers) >= 2:
            return workers
        time.sleep(0.02)
    raise AssertionError("no workers were started")
