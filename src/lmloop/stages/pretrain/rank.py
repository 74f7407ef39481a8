"""One of several processes that train together: ``torchrun ... -m lmloop.stages.pretrain.rank JOB``.

The step starts them itself on one machine. For several machines, start them by hand with the job file that the step
left in ``work/job.json``, and run the recipe again when they are done: it finds the training finished.
"""

import os
import sys
from pathlib import Path

from lmloop.core.errors import LmloopError
from lmloop.core.progress import Lines, Silent
from lmloop.stages.pretrain.job import Job
from lmloop.stages.pretrain.process import carry_out


def main(path: str) -> int:
    """Take part in a training; give the exit code."""
    first = os.environ.get("RANK", "0") == "0"
    try:
        carry_out(Job.read(Path(path)), Lines() if first else Silent())
    except LmloopError as bad:
        if first:
            sys.stderr.write(f"error: {bad.message}\n\nhint: {bad.hint}\n")
        return bad.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
