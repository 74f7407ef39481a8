"""How many streamed chunks a load generator takes in per second of CPU: lmloop, beside EvalScope perf.

``python benchmarks/load.py [--peer EVALSCOPE] [--users 64 256]`` starts the built-in server, which writes every chunk
at a known time, and lets both ask it for the same replies in a closed loop, by turns. The peer is the ``evalscope``
command of an environment with ``pip install 'evalscope[perf]'``; it is not needed for our own figures.

Of each run the CPU time of the client and all its processes counts, from start to report, in its own code (user) and in
the kernel (system): what the kernel takes for a read hangs on the machine more than on the client. Each is run with
few and with many requests: the slope is the cost of a chunk, the rest is starting up. The median of some rounds is
printed, and what either says of the time to the first token, which is known.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lmloop.loadtest.local import local_server
from lmloop.loadtest.server import Delays

TOKENS = 256
TIMES = 16
DELAYS = Delays(ttft=0.05, itl=0.008)
LINE = "{:>5} {:10} {:>8} {:>8} {:>8} {:>12} {:>12}   {}"


@dataclass(frozen=True)
class Cost:
    """CPU seconds in the client's own code and in the kernel; in ms, the times to the first token that it tells."""

    user: float
    system: float
    alone: float
    ttft: float

    @property
    def all(self) -> float:
        """All CPU seconds."""
        return self.user + self.system


def run(command: Sequence[str]) -> tuple[float, float, str]:
    """Run a command and give its CPU seconds, user and system, with those of its children, and what it printed."""
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    after = os.times()
    user, system = after.children_user - before.children_user, after.children_system - before.children_system
    return user, system, done.stdout


def ours(url: str, users: int, requests: int, folder: Path) -> Cost:
    """Measure lmloop; it also tells how much of it the measuring process took while the load lasted."""
    options = f"--users {users} --requests {requests} --output {TOKENS} --input 2 --workers 1 --json --quiet"
    command = [sys.executable, "-m", "lmloop", "bench", url, *options.split(), "--home", str(folder)]
    user, system, printed = run(command)
    (test,) = json.loads(printed)["tests"]
    assert test["endings"] == {"ok": requests}
    return Cost(user, system, test["client"]["cpu"], 1000 * test["times"]["ttft"]["p50"])


def theirs(evalscope: str, url: str, users: int, requests: int, folder: Path) -> Cost:
    """Measure EvalScope, which does not tell its measuring from the rest."""
    options = f"--parallel {users} --number {requests} --max-tokens {TOKENS} --dataset openqa --no-test-connection"
    command = [evalscope, "perf", "--url", f"{url}/v1/chat/completions", "--model", "known-delays", "--api", "openai"]
    command += ["--prompt", "hello there", "--stream", "--outputs-dir", str(folder), *options.split()]
    user, system, printed = run(command)
    shown = re.search(r"TTFT \(ms\)\s*│\s*[\d.]+\s*│\s*([\d.]+)", printed)
    return Cost(user, system, float("nan"), float(shown[1]) if shown else float("nan"))


def slope(measure: Callable[[int], Cost], users: int) -> Cost:
    """Give the cost of a chunk, in microseconds."""
    few, many = measure(users), measure(TIMES * users)
    chunks = (TIMES - 1) * users * TOKENS / 1e6
    costs = ((many.user - few.user), (many.system - few.system), (many.alone - few.alone))
    user, system, alone = (cost / chunks for cost in costs)
    return Cost(user, system, alone, many.ttft)


def middle(costs: Sequence[Cost]) -> Cost:
    """Give the median of each."""
    return Cost(*(statistics.median(getattr(c, name) for c in costs) for name in ("user", "system", "alone", "ttft")))


def show(users: int, name: str, cost: Cost) -> None:
    """Print a line."""
    alone = f"{cost.alone:.1f}" if cost.alone == cost.alone else ""
    numbers = [f"{cost.all:.1f}", f"{cost.user:.1f}", f"{cost.system:.1f}", alone, f"{1e6 / cost.all:,.0f}"]
    print(LINE.format(users, name, *numbers, f"TTFT {cost.ttft:.1f} ms of {1000 * DELAYS.ttft:g}"), flush=True)


def compare(users: int, evalscope: str | None, rounds: int, url: str) -> None:
    """Measure both by turns and print what was found."""
    mine, other = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours(url, 1, 1, folder)  # what must be compiled is compiled once for all
        for _ in range(rounds):
            mine.append(slope(lambda requests: ours(url, users, requests, folder), users))
            if evalscope:
                other.append(slope(lambda requests: theirs(evalscope, url, users, requests, folder), users))
    show(users, "lmloop", middle(mine))
    if other:
        show(users, "EvalScope", middle(other))
        ratios = [peer.all / own.all for own, peer in zip(mine, other, strict=True)]
        peer, own = middle(other), middle(mine)
        print(
            f"      ratio {peer.all / own.all:.2f} ({min(ratios):.2f} to {max(ratios):.2f}); "
            f"user {peer.user / own.user:.2f}, system {peer.system / own.system:.2f}; "
            f"{peer.all / own.alone:.2f} by what our measuring process takes",
            flush=True,
        )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="the command evalscope")
    parser.add_argument("--users", type=int, nargs="*", default=[64, 256])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(LINE.format("users", "us a chunk", "all", "user", "system", "load alone", "chunks/s", ""))
    with local_server(DELAYS) as url:
        for users in options.users:
            compare(users, options.peer, options.rounds, url)


if __name__ == "__main__":
    main()
