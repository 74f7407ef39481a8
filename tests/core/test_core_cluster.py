"""On a Ray cluster of two nodes a recipe gives the bytes of one machine, is stopped and gone on with like there."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray")

RECIPE = """
name = "cluster"
seed = 5

[[step]]
id = "raw"
use = "ingest"
reader = { use = "text", files = ["texts"] }
shard_mb = 0.002

[[step]]
id = "clean"
use = "curate"
from = ["raw"]
ops = ["unicode", { use = "length", min_characters = 20 }, "exact", "./slow.py", { use = "minhash", n = 2 }]
dropped = "all"
"""

SLOW = '''
"""Take a moment for each batch."""

import os
import time
from pathlib import Path

from lmloop import Map
from lmloop.core.errors import DataError


class Slow(Map):
    """Wait a little, or do what a file beside says."""

    def change(self, batch):
        time.sleep(0.05)
        told = Path(os.environ.get("TOLD", "/nowhere"))
        if told.exists() and told.read_text() == "die":
            os._exit(9)
        if told.exists():
            raise DataError("told to fail", hint="do not tell it")
        return batch
'''

START = """
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1)
print(cluster.address, flush=True)
input()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "texts").mkdir()
    for number in range(24):
        words = [f"word{(number * 7 + i * i) % 31} 数据" for i in range(40)] if number % 3 else ["the same text"] * 20
        (folder / "texts" / f"{number:02d}.txt").write_text(" ".join(words), encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "slow.py").write_text(SLOW, encoding="utf-8")
    assert run(folder, "local", engine="local")[0] == 0
    return folder


@pytest.fixture(scope="module")
def address(project: Path) -> Iterator[str]:
    """A cluster of two nodes with a core each."""
    pipe = subprocess.PIPE
    quiet = (project / "cluster.log").open("w")
    environment = {**os.environ, "TOLD": str(project / "told")}
    cluster = subprocess.Popen(
        [sys.executable, "-c", START],
        stdin=pipe,
        stdout=pipe,
        stderr=quiet,
        text=True,
        env=environment,
        start_new_session=True,
    )
    assert cluster.stdout is not None
    line = next((line for line in cluster.stdout if ":" in line and " " not in line.strip()), "")
    yield line.strip()
    cluster.communicate("\n", timeout=60)
    quiet.close()


def start(folder: Path, home: str, engine: str, address: str = "") -> "subprocess.Popen[str]":
    command = [
        sys.executable,
        "-m",
        "lmloop",
        "run",
        "recipe.toml",
        "--home",
        home,
        "--engine",
        engine,
        "--workers",
        "2",
    ]
    environment = {**os.environ, **({"RAY_ADDRESS": address} if address else {})}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(folder: Path, home: str, engine: str = "ray", address: str = "") -> tuple[int, str]:
    process = start(folder, home, engine, address)
    _, said = process.communicate(timeout=180)
    return process.returncode, said


def contents(home: Path) -> dict[str, bytes]:
    """Give the files that hold results, by name: the cards tell how long things took."""
    files = (path for path in sorted(home.glob("*-*/**/*.parquet")) if "work" not in path.parts)
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


def test_a_cluster_gives_the_bytes_of_one_machine(project: Path, address: str) -> None:
    code, said = run(project, "cluster", address=address)
    assert code == 0, said
    assert contents(project / "cluster") == contents(project / "local")
    assert len(contents(project / "local")) > 20


@pytest.mark.slow
def test_work_begun_on_a_cluster_is_finished_on_one_machine(project: Path, address: str) -> None:
    process = start(project, "moved", "ray", address)
    for _ in range(600):
        if len(list((project / "moved").glob("clean-*.part/work/*/done/*.json"))) >= 3:
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert list((project / "moved").glob("clean-*.part"))
    assert run(project, "moved", engine="local")[0] == 0
    assert contents(project / "moved") == contents(project / "local")


@pytest.mark.slow
def test_what_fails_on_a_node_is_one_message(project: Path, address: str) -> None:
    told = project / "told"
    for order, message in (("fail", "told to fail"), ("die", "a worker of the cluster died 3 times")):
        told.write_text(order)
        code, said = run(project, "failing", address=address)
        told.unlink()
        assert code == 1
        assert f"error: step 'clean': {message}" in said
        assert "Traceback" not in said
    assert run(project, "failing", address=address)[0] == 0
    assert contents(project / "failing") == contents(project / "local")


def test_a_cluster_that_is_not_there_is_one_message(project: Path) -> None:
    code, said = run(project, "nowhere", address="127.0.0.1:1")
    assert code == 1
    assert "the Ray cluster 127.0.0.1:1 cannot be used" in said
    assert "Traceback" not in said
