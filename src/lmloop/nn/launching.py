"""Starting the processes that train together on this machine. No torch here: ``torchrun`` brings it in."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lmloop.core.errors import LmloopError, StepError
from lmloop.core.progress import Lines, Progress, Silent


def launch(module: str, job: Path, ranks: int) -> None:
    """Start ``python -m module JOB`` so many times, and wait until all are done.

    Raises:
        StepError: one of them failed.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    done = subprocess.run([*command, "-m", module, str(job)], check=False)
    if done.returncode:
        raise StepError(f"one of {ranks} processes ended with {done.returncode}", hint="what it said stands above")


def take_part(work: Callable[[Path, Progress], None], job: Path, first: bool) -> int:
    """Do a rank's work; only the first one speaks. Give the exit code."""
    try:
        work(job, Lines() if first else Silent())
    except LmloopError as bad:
        if first:
            sys.stderr.write(f"error: {bad.message}\n\nhint: {bad.hint}\n")
        return bad.exit_code
    return 0
