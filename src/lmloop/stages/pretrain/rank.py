"""One of several processes that train together: ``torchrun ... -m lmloop.stages.pretrain.rank JOB``.

The step starts them itself on one machine. For several machines, start them by hand with the job file that the step
left in ``work/job.json``, and run the recipe again when they are done: it finds the training finished.
"""

import os
import sys
from pathlib import Path

from lmloop.core.progress import Progress
from lmloop.nn.launching import take_part
from lmloop.stages.pretrain.job import Job
from lmloop.stages.pretrain.process import carry_out


def main(path: str) -> int:
    """Take part in a training; give the exit code."""

    def work(job: Path, progress: Progress) -> None:
        carry_out(Job.read(job), progress)

    return take_part(work, Path(path), os.environ.get("RANK", "0") == "0")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
