"""A tuning in this process: alone, or as one of several ranks."""

from typing import TYPE_CHECKING

from lmloop.core.progress import Progress
from lmloop.core.rows import Batches
from lmloop.kernels.example_rows import ExampleBatches
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.nn.noted import ROUTING, TRAINED, note
from lmloop.stages.finetune.job import Job
from lmloop.stages.finetune.planning import said_before
from lmloop.stages.finetune.watching import Watching

if TYPE_CHECKING:
    from lmloop.nn.policy import Policy
    from lmloop.nn.rollouts import Rollouts
    from lmloop.nn.trainer import Trainer
    from lmloop.nn.tuning import Tuning

SAMPLES, BASELINE = "samples.json", "baseline"
ROUTED_PARTS = 16
"""So many parts of the held-out rows are passed through the model to see what its routers do."""


def carry_out(job: Job, progress: Progress) -> None:
    """Tune, in this process; the first of several ranks speaks, and writes the result."""
    from lmloop.nn.tuned import open_policy

    policy = open_policy(job.base, job.build_method(), job.settings, job.training.seed)
    trainer = begin(job, policy, progress)
    with Watching(job, progress) as watch:
        trainer.run(watch)
    finish(job, policy, trainer)
    trainer.ranks.leave()


def begin(job: Job, policy: "Policy", progress: Progress) -> "Trainer":
    """Make the trainer of a policy, and say what it is going to do."""
    from lmloop.nn.trainer import Trainer
    from lmloop.nn.tuned import check_merging, sizes
    from lmloop.nn.tuning import Tuning

    if job.merged:
        check_merging(policy, job.data.tasks)
    batches = _batches(job, policy)
    held = job.held() if isinstance(batches, ExampleBatches) else batches.held()
    trainer = Trainer(Tuning(policy, job.settings), job.training, batches, held, job.out)
    for line in said_before(job, sizes(policy)[0]) if trainer.ranks.first else ():
        progress.say(line)
    return trainer


def finish(job: Job, policy: "Policy", trainer: "Trainer") -> None:
    """Take the best weights of a training that is done, look at what became of it, and write the model."""
    from lmloop.nn.tuned import open_policy, sizes, take, weights_a_rank
    from lmloop.nn.tuning import Tuning

    tuning, (trained, whole) = Tuning(policy, job.settings), sizes(policy)
    best = trainer.checkpoints / "best"
    if job.best and best.exists():
        trainer.load(best)
    weights = trainer.weights()
    if trainer.ranks.first:
        if trainer.ranks.world > 1 and job.training.computing.parallel == "fsdp":
            # the trained one lies in shards
            policy = open_policy(job.base, job.build_method(), job.settings, job.training.seed)
            take(policy, weights)
            tuning = Tuning(policy, job.settings)
        _look(job, tuning, trainer.batches)
        _write(job, policy)
        note(job.out, TRAINED, {"trained": trained, "whole": whole, "a_rank": weights_a_rank(policy)})
    trainer.ranks.wait()


def _batches(job: Job, policy: "Policy") -> "ExampleBatches | Rollouts":
    """Open the rows to train on: examples, or what the policy itself writes."""
    from lmloop.nn.goals.settings import Grpo
    from lmloop.nn.rollouts import Rollouts

    if not isinstance(job.settings, Grpo):
        return job.batches()
    return Rollouts(policy, job.settings, job.asked(), job.ends, job.training.seed)


def _look(job: Job, tuning: "Tuning", batches: Batches) -> None:
    """Note what the routers do with held-out rows, and what is replied to some prompts before and after."""
    from lmloop.nn.inference.drawing import Drawing
    from lmloop.nn.tuned import replies, routing

    if tuning.routed:
        parts = [part for held in job.held().values() for part in held] or [batches.batch(0)]
        found = routing(tuning, parts[:: max(1, len(parts) // ROUTED_PARTS)])
        note(job.out, ROUTING, {"tasks": list(job.data.tasks), **found})
    if not job.samples:
        return
    tokenizer = Tokenizer.load(job.tokenizer)
    prompts = [(task, ids) for task, _, ids in job.samples]
    said = replies(tuning.policy, prompts, Drawing(job.sample_tokens, ends=job.ends))
    rows = [
        {"task": job.data.tasks[task], "prompt": text, **{when: tokenizer.decode(ids) for when, ids in row.items()}}
        for (task, text, _), row in zip(job.samples, said, strict=True)
    ]
    note(job.out, SAMPLES, rows)


def _write(job: Job, policy: "Policy") -> None:
    """Write the tuned model: an adapter and where its model is, or whole weights."""
    from lmloop.nn.adapters.exporting import merged_state
    from lmloop.nn.adapters.files import save
    from lmloop.nn.foreign import Foreign
    from lmloop.nn.huggingface import write_model
    from lmloop.nn.opening import bearer, below, only_task, write_base
    from lmloop.nn.rewarding import write_head

    tokenizer = Tokenizer.load(job.tokenizer)
    decoder, adapted = policy.decoder.cpu(), policy.adapted
    if job.settings.use == "reward":
        write_head(job.out, decoder)
    if adapted is not None:
        place = job.out / "adapter" if job.merged else job.out
        base = below(job.base, adapted.method)
        save(adapted, place, str(base) if isinstance(decoder, Foreign) else base.name)
        write_base(place, base, job.data.tasks)
        if not job.merged:
            return
    state = (
        bearer(decoder).state_dict()
        if adapted is None
        else merged_state(adapted, only_task(adapted.gate() is not None, job.data.tasks))
    )
    plain = {name: value for name, value in state.items() if not name.startswith("score.")}
    if isinstance(decoder, Foreign):
        decoder.save(job.out, plain)
        return
    write_model(job.out, decoder.shape, plain, tokenizer.bos_id, tokenizer.eos_id)
