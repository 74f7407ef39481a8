"""Pretrain: packed tokens become a language model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import copyfile
from typing import Any, ClassVar

from pydantic import Field

from lmloop.core.card import WORK
from lmloop.core.errors import DataError, RecipeError
from lmloop.core.extras import need
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.core.weights import outside_weights, write_model
from lmloop.kernels.tokenizing import FILE, Tokenizer
from lmloop.nn.huggingface import CONFIG, read_config
from lmloop.nn.launching import launch
from lmloop.nn.shape import Shape
from lmloop.nn.tables import CheckpointTable, ComputeTable, ScheduleTable, every
from lmloop.nn.training import Training
from lmloop.report import blocks
from lmloop.stages.pretrain import planning
from lmloop.stages.pretrain.job import Job, common_index, sources
from lmloop.stages.pretrain.process import carry_out
from lmloop.stages.pretrain.seeing import describe
from lmloop.stages.pretrain.settings import EvaluateTable, ModelTable, OptimizerTable, WeightCurve
from lmloop.stages.pretrain.verifying import verify


class Pretrain(Step):
    """Train a decoder on tokens, from fresh weights or from a model that is there.

    ``depth``, the number of layers, sets width, heads and learning rate; ``context`` is the tokens of a row.
    ``tokens`` are read in all (by default 20 for each parameter), ``batch`` of them a step (by default as suits all).
    ``mixture`` weighs the sources: a number each, or points (progress, weight).
    To go on with a model, give weights as an input, or name a folder in Hugging Face's form as ``start``.
    ``branch`` begins at that step's checkpoint of the weights, optimizer and all, and only decays the learning rate.
    ``model`` is a table that changes the shape: width, heads, kv_heads, head_width, hidden, tied, qk_norm, and so on.
    ``optimizer`` is ``adamw`` or ``muon``, with learning_rate, weight_decay, betas, clip and z_loss.
    ``schedule`` is ``wsd`` or ``cosine``, with warmup and decay as shares of all steps, and a floor.
    ``evaluate`` says how often to measure, on how many tokens a source, and what prompts to sample.
    ``checkpoints`` says how often to save, how many of the last to keep, and whether to prove first that it resumes.
    ``compute`` is precision, compile, recompute, threads, micro rows, ranks, and parallel: ``ddp`` or ``fsdp``.
    """

    version: ClassVar[int] = 2
    takes: ClassVar[tuple[Kind, ...]] = ("tokens", "weights")
    makes: ClassVar[Kind] = "weights"
    needs: ClassVar[tuple[Kind, ...]] = ("tokens",)

    depth: int = Field(default=4, ge=1, le=200)
    context: int = Field(default=256, ge=2)
    tokens: int | None = Field(default=None, ge=1)
    batch: int | None = Field(default=None, ge=1)
    mixture: dict[str, WeightCurve] = {}
    start: str = ""
    branch: int | None = Field(default=None, ge=0)
    model: ModelTable = ModelTable()
    optimizer: OptimizerTable = OptimizerTable()
    schedule: ScheduleTable = ScheduleTable()
    evaluate: EvaluateTable = EvaluateTable()
    checkpoints: CheckpointTable = CheckpointTable()
    compute: ComputeTable = ComputeTable()

    def outside(self, base: Path, digest: Callable[[Path], str]) -> dict[str, Any] | None:
        """Name the model to start from by its files."""
        found = outside_weights([base / self.start] if self.start else [], digest, (".json", ".safetensors"))
        if found is not None and not found["files"]:
            raise DataError(f"there is no model in {base / self.start}", hint=f"a model has a {CONFIG} and safetensors")
        return found

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Train, and write the model in Hugging Face's form with its tokenizer."""
        need("torch", "train")
        job = self._job(inputs, out, context)
        for line in planning.said_before(job.shape, job.training, list(job.weights)):
            context.progress.say(line)
        verified = self._verify(job, context)
        self._train(job, context)
        for path in sorted(job.tokenizer.iterdir()):
            copyfile(path, out / path.name)
        write_model(out, {"use": "lmloop"})
        taken = job.batches().taken(job.training.steps)
        read = {name: (taken[name] - job.taken.get(name, 0)) * self.context for name in taken}
        shown, metrics = describe(job, read)
        blocks.write(out / BLOCKS, shown)
        return {**metrics, **verified}

    def _verify(self, job: Job, context: Context) -> Metrics:
        """Prove that it would resume bit for bit, where that is wanted and it has not begun."""
        steps = min(self.checkpoints.verify, job.training.steps)
        if not steps:
            return {}
        if self.compute.processes() > 1:
            raise RecipeError("checkpoints.verify tries one process", hint="compute.ranks = 1, or leave it out")
        if not (job.out / "checkpoints").exists():
            context.progress.say(verify(job, steps))
        return {"verified_steps": steps}

    def _train(self, job: Job, context: Context) -> None:
        ranks = self.compute.processes()
        if ranks == 1:
            carry_out(job, context.progress)
            return
        place = job.out / WORK / "job.json"
        place.parent.mkdir(exist_ok=True)
        job.write(place)
        launch("lmloop.stages.pretrain.rank", place, ranks)

    def _job(self, inputs: Sequence[Artifact], out: Path, context: Context) -> Job:
        tokens = {item.id or item.path.name: item.path for item in inputs if item.kind == "tokens"}
        if not tokens:
            raise RecipeError("there are no tokens to train on", hint='from = ["tokens"]')
        index = common_index(tokens)
        start, branch, taken = self._start(inputs, context)
        if start is not None:
            shape = read_config(start)
            digest = Tokenizer.load(start).digest if (start / FILE).is_file() else None
            planning.check_start(start, shape, index, digest)
        else:
            shape = planning.shape_of(self.depth, self.context, index.vocabulary, self.model)
        streams = sources(tokens)
        training = self._training(shape, context, start is not None, branch is not None)
        weights = planning.weights_of(self.mixture, {name: stream.tokens for name, stream in streams.items()})
        return Job(
            tokens=tokens,
            shape=shape,
            training=training,
            weights=weights,
            taken={name: count for name, count in taken.items() if name in weights},
            held_tokens=self.evaluate.tokens or planning.held_tokens(training),
            prompts=tuple(self.evaluate.prompts),
            sample_tokens=self.evaluate.sample_tokens,
            out=out,
            start=start,
            branch=branch,
        )

    def _training(self, shape: Shape, context: Context, continued: bool, annealing: bool) -> Training:
        tokens = self.tokens or planning.TOKENS_PER_PARAMETER * shape.parameters
        rows = planning.rows_of(tokens, self.context, self.batch, self.compute.processes())
        steps = max(1, round(tokens / (rows * self.context)))
        return Training(
            steps=steps,
            rows=rows,
            context=self.context,
            seed=context.seed,
            schedule=planning.schedule_of(self.schedule, steps, annealing),
            update=self.optimizer.update(
                planning.learning_rate(self.optimizer.base_width or shape.width, continued and not annealing)
            ),
            computing=self.compute.computing(context.workers),
            evaluate_every=every(steps, self.evaluate.every, planning.EVALUATIONS),
            checkpoint_every=every(steps, self.checkpoints.every, planning.CHECKPOINTS),
            keep=self.checkpoints.keep,
        )

    def _start(self, inputs: Sequence[Artifact], context: Context) -> tuple[Path | None, Path | None, dict[str, int]]:
        """Find the model to begin with, the checkpoint to branch off, and what rows it has read."""
        given = [item.path for item in inputs if item.kind == "weights"]
        if len(given) + bool(self.start) > 1:
            raise RecipeError("a training starts from one model", hint="leave out start, or all weights but one")
        if self.branch is not None and not given:
            raise RecipeError("branch needs the weights whose checkpoint it means", hint="add them to from")
        if self.branch is None:
            return (given[0] if given else context.base / self.start if self.start else None), None, {}
        from lmloop.nn.checkpoint import read_state

        there = {int(path.name[5:]): path for path in sorted((given[0] / "checkpoints").glob("step-????????"))}
        if self.branch not in there:
            known = ", ".join(map(str, there)) or "none"
            raise RecipeError(f"{given[0].name} has no checkpoint of step {self.branch}", hint=f"there are: {known}")
        return given[0], there[self.branch], read_state(there[self.branch])["taken"]
