"""A training in this process: alone, or as one of several ranks."""

from typing import TYPE_CHECKING

from lmloop.core.progress import Progress
from lmloop.kernels.packed import Index
from lmloop.stages.pretrain.job import Job
from lmloop.stages.pretrain.watching import Watching

if TYPE_CHECKING:
    from lmloop.nn.objective import Objective


def learner_of(job: Job) -> "Objective":
    """Make what is trained: a model with fresh weights, or the one to begin with, and its loss."""
    from lmloop.nn.decoder import seeded
    from lmloop.nn.huggingface import load_model
    from lmloop.nn.objective import Objective
    from lmloop.nn.transfer import spread

    if job.start is not None:
        model = load_model(job.start)
    else:
        model = seeded(job.shape, job.training.seed)
        spread(model, job.training.update.base_width)
    return Objective(model, job.training.update.z_loss)


def carry_out(job: Job, progress: Progress) -> None:
    """Train, in this process; the first of several ranks speaks, and writes the result."""
    from lmloop.nn.huggingface import write_model
    from lmloop.nn.trainer import Trainer

    trainer = Trainer(learner_of(job), job.training, job.batches(), job.held(), job.out)
    with Watching(job, progress) as watch:
        trainer.run(watch, job.branch)
    weights = trainer.weights()
    if trainer.ranks.first:
        index = Index.read(next(iter(job.tokens.values())))
        write_model(job.out, job.shape, weights, index.before, index.behind)
    trainer.ranks.wait()
    trainer.ranks.leave()
