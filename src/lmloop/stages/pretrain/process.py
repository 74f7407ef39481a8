"""A training in this process: alone, or as one of several ranks."""

from lmloop.core.progress import Progress
from lmloop.kernels.packed import Index
from lmloop.stages.pretrain.job import Job
from lmloop.stages.pretrain.watching import Watching


def carry_out(job: Job, progress: Progress) -> None:
    """Train, in this process; the first of several ranks speaks, and writes the result."""
    from lmloop.nn.decoder import seeded
    from lmloop.nn.huggingface import load_model, write_model
    from lmloop.nn.objective import Objective
    from lmloop.nn.trainer import Trainer

    model = load_model(job.start) if job.start is not None else seeded(job.shape, job.training.seed)
    learner = Objective(model, job.training.update.z_loss)
    trainer = Trainer(learner, job.training, job.batches(), job.held(), job.out)
    with Watching(job, progress) as watch:
        trainer.run(watch, job.branch)
    weights = trainer.weights()
    if trainer.ranks.first:
        index = Index.read(next(iter(job.tokens.values())))
        write_model(job.out, job.shape, weights, index.before, index.behind)
    trainer.ranks.wait()
    trainer.ranks.leave()
