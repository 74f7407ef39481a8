"""One of several processes that tune together: ``torchrun ... -m lmloop.stages.finetune.rank JOB``."""

import os
import sys
from pathlib import Path

from lmloop.core.progress import Progress
from lmloop.nn.launching import take_part
from lmloop.stages.finetune.job import Job
from lmloop.stages.finetune.process import carry_out


def main(path: str) -> int:
    """Take part in a tuning; give the exit code."""

    def work(job: Path, progress: Progress) -> None:
        carry_out(Job.read(job), progress)

    return take_part(work, Path(path), os.environ.get("RANK", "0") == "0")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
