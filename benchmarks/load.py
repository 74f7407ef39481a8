"""How many streamed chunks a load generator takes in per second of CPU: lmloop, beside EvalScope perf.

``python benchmarks/load.py [EVALSCOPE]`` starts the built-in server, which writes every chunk at a known time, and lets
both ask it for the same replies in a closed loop, by turns. The argument is the ``evalscope`` command of an environment
with ``pip install 'evalscope[perf]'``; it is not needed for our own figures.

Of each run the CPU time of the client and all its processes counts, from start to report. Each is run with few and with
many requests: the slope is the cost of a chunk, the rest is starting up. The median of some rounds is printed, and what
either says of the time to the first token, which is known.
"""

import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from lmloop.loadtest.local import local_server
from lmloop.loadtest.server import Delays

ROUNDS = 3
USERS, TOKENS = 256, 256
FEW, MANY = 256, 1024
DELAYS = Delays(ttft=0.05, itl=0.008)


def seconds(command: list[str]) -> tuple[float, str]:
    """Run a command and give its CPU seconds, with those of its children, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def ours(url: str, requests: int, folder: Path) -> tuple[float, float, float]:
    """Give CPU seconds, the median time to the first token in ms, and the CPU seconds of the measuring alone."""
    options = f"--users {USERS} --requests {requests} --output {TOKENS} --input 2 --workers 1 --json --quiet"
    command = [sys.executable, "-m", "lmloop", "bench", url, *options.split(), "--home", str(folder)]
    spent, printed = seconds(command)
    told = json.loads(printed)
    assert told["tests"][0]["endings"] == {"ok": requests}
    return spent, 1000 * told["tests"][0]["times"]["ttft"]["p50"], told["tests"][0]["client"]["cpu"]


def theirs(evalscope: str, url: str, requests: int, folder: Path) -> tuple[float, float, float]:
    """The same of EvalScope, which does not tell its measuring from the rest."""
    options = f"--parallel {USERS} --number {requests} --max-tokens {TOKENS} --dataset openqa --no-test-connection"
    command = [evalscope, "perf", "--url", f"{url}/v1/chat/completions", "--model", "known-delays", "--api", "openai"]
    command += ["--prompt", "hello there", "--stream", "--outputs-dir", str(folder), *options.split()]
    spent, printed = seconds(command)
    shown = re.search(r"TTFT \(ms\)\s*│\s*[\d.]+\s*│\s*([\d.]+)", printed)
    return spent, float(shown[1]) if shown else float("nan"), float("nan")


def slope(measure: Callable[[int], tuple[float, float, float]]) -> tuple[float, float, float]:
    """Give CPU seconds a chunk, the time to the first token, and CPU seconds a chunk of the measuring alone."""
    few, many = measure(FEW), measure(MANY)
    chunks = (MANY - FEW) * TOKENS
    return (many[0] - few[0]) / chunks, many[1], (many[2] - few[2]) / chunks


def main(evalscope: str | None) -> None:
    """Print the figures."""
    mine, other = [], []
    with tempfile.TemporaryDirectory() as name, local_server(DELAYS) as url:
        folder = Path(name)
        for _ in range(ROUNDS):
            mine.append(slope(lambda requests: ours(url, requests, folder)))
            if evalscope:
                other.append(slope(lambda requests: theirs(evalscope, url, requests, folder)))
    middle = statistics.median(found[0] for found in mine)
    alone = statistics.median(found[2] for found in mine)
    ttft = statistics.median(found[1] for found in mine)
    print(
        f"lmloop      {1e6 * middle:5.1f} us a chunk, {1 / middle:7,.0f} chunks a core-second; TTFT {ttft:.1f} ms of 50"
    )
    print(f"  of which  {1e6 * alone:5.1f} us while the load lasts, {1 / alone:7,.0f} chunks a core-second")
    if other:
        peer = statistics.median(found[0] for found in other)
        ttft = statistics.median(found[1] for found in other)
        print(
            f"EvalScope   {1e6 * peer:5.1f} us a chunk, {1 / peer:7,.0f} chunks a core-second; TTFT {ttft:.1f} ms of 50"
        )
        ratios = [theirs_[0] / mine_[0] for mine_, theirs_ in zip(mine, other, strict=True)]
        print(f"ratio       {peer / middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
        print(f"  of which  {peer / alone:.2f} by what the load itself costs here")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
