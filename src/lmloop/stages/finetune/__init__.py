"""Finetune: a model learns from records, with an adapter or as a whole."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import Any, ClassVar

from pydantic import Field

from lmloop.core.card import WORK
from lmloop.core.draft import draft
from lmloop.core.engine.engines import open_pool
from lmloop.core.engine.pool import Result
from lmloop.core.engine.shards import DROPPED, list_shards, prune
from lmloop.core.errors import DataError, RecipeError
from lmloop.core.extras import need
from lmloop.core.method import Method, build_method
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.core.task import AnyTask
from lmloop.core.weights import MODEL, outside_weights, write_model
from lmloop.kernels.tokenizing import FILES, TEMPLATE, Tokenizer, copy_tokenizer
from lmloop.nn.goals.settings import AnyGoal, Grpo, Sft
from lmloop.nn.huggingface import CONFIG, GENERATION
from lmloop.nn.launching import launch
from lmloop.nn.noted import TRAINED
from lmloop.nn.opening import goes_on, is_ours, plain_of, read_shape, stack_of
from lmloop.nn.tables import ComputeTable, every
from lmloop.nn.training import Training
from lmloop.report import blocks
from lmloop.stages.finetune import planning
from lmloop.stages.finetune.asking import Asked, ask, encoder_of, reply_ends
from lmloop.stages.finetune.job import Data, Job
from lmloop.stages.finetune.process import BASELINE, carry_out
from lmloop.stages.finetune.rendering import Reading, RenderTask, keep, render_shard, template_digest, total
from lmloop.stages.finetune.seeing import describe
from lmloop.stages.finetune.settings import DataTable, EvaluateTable, Methods, OptimizerTable, ScheduleTable
from lmloop.stages.finetune.several import carry_out_several, check_several, describe_several, jobs_of

CONTEXT = 512


class Finetune(Step):
    """Tune a model on records: prompts and replies, preferences, or documents.

    The model is an input that is weights, or ``base``, a folder in Hugging Face's form. ``method`` is an adapter
    (``lora``, ``mixlora`` and others), ``full`` for all weights, or a table of adapters under names of your own:
    ``{ narrow = { use = "lora", rank = 4 }, mixed = "mixlora" }``. They are tuned at once on one model in memory, each
    in a folder of its own, which later steps read as ``STEP/NAME``. ``objective`` is ``sft``, ``dpo``, ``ipo``,
    ``kto``, ``orpo``, ``simpo``, ``reward`` or ``grpo``. ``context`` is the tokens of a row (0: 512,
    or all that the model was made for), ``epochs`` how often all
    is read, ``batch`` the tokens of a step (by default an epoch has about 50 steps).
    ``data`` says what is learnt of a conversation, by which template, and how it is packed; ``mixture`` how often a
    task is read in an epoch (a number for each).
    ``tasks`` grade what the model writes, for ``grpo``. With ``baseline`` a LoRA with as many trained weights is tuned
    beside it. ``merged`` writes whole weights with the adapter in them.
    A tuned adapter is merged before a new one is put on; a mixture goes on where ``method`` is its own.
    ``optimizer`` and ``schedule`` are tables as for pretraining; ``evaluate`` says what is held out, how often it is
    measured, and when to stop; ``compute`` is precision, recompute, threads, micro rows, ranks and parallel.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("records", "weights")
    makes: ClassVar[Kind] = "weights"
    needs_input: ClassVar[bool] = False

    base: str = ""
    method: Methods = None
    objective: AnyGoal = Sft()
    context: int = Field(default=0, ge=0)
    epochs: float = Field(default=1.0, gt=0)
    batch: int | None = Field(default=None, ge=1)
    data: DataTable = DataTable()
    mixture: dict[str, float] = {}
    tasks: list[AnyTask] = []
    baseline: bool = False
    merged: bool = False
    optimizer: OptimizerTable = OptimizerTable()
    schedule: ScheduleTable = ScheduleTable()
    evaluate: EvaluateTable = EvaluateTable()
    compute: ComputeTable = ComputeTable()

    @classmethod
    def example(cls) -> "Finetune":
        """Give one that puts a LoRA on a tiny model with fresh weights."""
        from lmloop.models.lmloop import Lmloop

        compute = {"precision": "fp32", "threads": 1, "compile": "off"}
        said = {"base": Lmloop.example().folder, "method": "lora", "context": 32, "compute": compute}
        return cls.model_validate(said)

    def outside(self, base: Path, digest: Callable[[Path], str]) -> dict[str, Any] | None:
        """Name the model to start from by its files, and by those of what it sits on."""
        found = outside_weights(stack_of(base / self.base) if self.base else [], digest)
        if found is not None and not found["files"]:
            raise DataError(f"there is no model in {base / self.base}", hint=f"a model has a {CONFIG} and safetensors")
        return found

    def check_inputs(self, kinds: Collection[Kind]) -> None:
        """See whether several adapters can be tuned at once.

        Raises:
            RecipeError: they cannot.
        """
        if isinstance(self.method, dict):
            check_several(self.method, self.objective, self.optimizer, self.compute.ranks)
        elif isinstance(self.optimizer.learning_rate, dict):
            raise RecipeError("optimizer.learning_rate: a table names rates of several adapters", hint="give a number")

    def parts(self) -> tuple[str, ...]:
        """Name the adapters beside each other, or the baseline."""
        return tuple(self._several) or ((BASELINE,) if self.baseline else ())

    def is_whole(self) -> bool:
        """Say that several adapters are no one model."""
        return not self._several

    def forecast(self, inputs: list[Artifact], context: Context) -> str:
        """Say how many weights are trained, and how many operations the records cost at most."""
        need("torch", "train")
        from lmloop.nn.tuned import forecast

        folder = self._folder(inputs, context)
        if not self.context:
            return self._fitted(folder).forecast(inputs, context)
        if not is_ours(plain_of(folder)):
            return ""
        shape = read_shape(folder)
        methods: list[Method | None] = [*self._several.values()] or [self._first]
        sizes = [forecast(shape, method) for method in methods]
        records = sum(shard.rows for shard in list_shards([item.path for item in inputs if item.kind == "records"]))
        tokens = round(records * self.epochs * self.context) * len(methods)
        return planning.forecast_line(shape, (sum(size for size, _ in sizes), sizes[0][1]), records, tokens)

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Tune, and write the model with its tokenizer."""
        need("torch", "train")
        folder = self._folder(inputs, context)
        if not self.context:
            return self._fitted(folder).run(inputs, out, context)
        if self.baseline and goes_on(folder, self._first):
            raise RecipeError("what goes on with trained experts has no baseline: a LoRA would begin from nothing")
        self._tokenizer(folder, out)
        if self.objective.reads == "tasks":
            job, results = self._rewarded(folder, inputs, out, context)
        else:
            results = self._render(inputs, out, context)
            job = self._job(folder, results, out, context)
        if self._several:
            shown, metrics = self._at_once(job, results, context)
            blocks.write(out / BLOCKS, shown)
            return metrics
        self._train(job, context)
        self._complete(job)
        if self.baseline:
            self._beside(job, context)
        shown, metrics = describe(job, results)
        blocks.write(out / BLOCKS, shown)
        return metrics

    @property
    def _several(self) -> Mapping[str, Method]:
        """The adapters that are tuned at once, by name; none where there is one method, or none."""
        return self.method if isinstance(self.method, dict) else {}

    @property
    def _first(self) -> Method | None:
        """The method, or the first of several; None where all weights are tuned."""
        return next(iter(self.method.values()), None) if isinstance(self.method, dict) else self.method

    def _at_once(self, job: Job, results: list[Result], context: Context) -> tuple[list[blocks.Block], Metrics]:
        """Tune several adapters, each in its folder, with all that opens it."""
        jobs = jobs_of(job, self._several, self.optimizer)
        carry_out_several(jobs, context.progress)
        for one in jobs.values():
            copy_tokenizer(job.out, one.out)
            self._complete(one)
        return describe_several(jobs, results)

    def _complete(self, job: Job) -> None:
        """Write beside a tuned model what opens it, and which tokens end a reply."""
        back_end = "lmloop" if is_ours(plain_of(job.base)) else "transformers"
        write_model(job.out, {"use": "reward" if self.objective.use == "reward" else back_end})
        with draft(job.out / GENERATION) as place:
            place.write_text(json.dumps({"eos_token_id": list(job.ends)}), encoding="utf-8")

    def _fitted(self, folder: Path) -> "Finetune":
        """Fill in the context."""
        return self.model_copy(update={"context": min(CONTEXT, read_shape(folder).context)})

    def _folder(self, inputs: Sequence[Artifact], context: Context) -> Path:
        given = [item.path for item in inputs if item.kind == "weights"]
        if len(given) + bool(self.base) != 1:
            raise RecipeError(
                f"tuning starts from one model, and {len(given) + bool(self.base)} are given",
                hint='from = ["base", "chats"], or base = "FOLDER"',
            )
        return given[0] if given else context.base / self.base

    def _tokenizer(self, folder: Path, out: Path) -> None:
        """Put the model's tokenizer and chat template into the result: what is rendered now is what is read later."""
        copy_tokenizer(folder, out)
        if self.data.template is not None:
            copyfile(self.data.template.path, out / TEMPLATE)

    def _render(self, inputs: Sequence[Artifact], out: Path, context: Context) -> list[Result]:
        reading = Reading(
            tokenizer=out,
            digest=Tokenizer.load(out).digest + template_digest(out),
            reads=self.objective.reads,
            learn=self.data.learn,
            context=self.context,
            too_long=self.data.too_long,
            held=self.evaluate.held,
            task=self.data.task,
        )
        tasks: list[RenderTask] = []
        for item in inputs:
            for shard in list_shards([item.path]) if item.kind == "records" else ():
                source = item.id or item.path.name
                tasks.append(RenderTask(len(tasks), shard.size, shard.path, source, reading, out, out / WORK))
        if not tasks:
            raise RecipeError("there are no records to learn from", hint='from = ["base", "chats"]')
        with open_pool(context) as pool:
            results = pool.each("render", render_shard, tasks, out / WORK / "done")
        prune(
            out / DROPPED,
            {f"{task.name}.parquet" for task, result in zip(tasks, results, strict=True) if result["reasons"]},
        )
        if not total(results, "counts")["train"]:
            reasons = ", ".join(f"{why}: {count}" for why, count in total(results, "reasons").items()) or "no records"
            raise DataError(
                f"nothing is left to learn from ({reasons})",
                hint=f"objective {self.objective.use!r} reads {self.objective.reads}",
            )
        return results

    def _rewarded(
        self, folder: Path, inputs: Sequence[Artifact], out: Path, context: Context
    ) -> tuple[Job, list[Result]]:
        """Plan a tuning on tasks that grade what the model writes; what cannot be asked is counted and kept."""
        goal = self.objective
        assert isinstance(goal, Grpo)
        if not self.tasks or any(item.kind == "records" for item in inputs) or self.compute.processes() > 1:
            raise RecipeError(
                "grpo learns from tasks alone, in one process", hint='tasks = ["..."], and no records in from'
            )
        names = [task.name() for task in self.tasks]
        self._check(names)
        specs = [task.spec() for task in self.tasks]
        encoder = encoder_of(out, self.context)
        asked = ask(specs, encoder, goal, context.seed, self.evaluate.held)
        length = round(sum(len(ids) for _, ids in asked.prompts) / len(asked.prompts)) + goal.tokens
        steps = max(1, round(self.epochs * len(asked.learnt) / goal.questions))
        shown = [number for held in asked.held.values() for number in held] or asked.learnt
        texts = {number: "\n".join(turn.text for turn in asked.questions[number][1].prompt) for number in shown}
        samples = [(asked.prompts[number][0], texts[number], asked.prompts[number][1]) for number in shown]
        job = Job(
            base=folder,
            method=self._first.spec() if self._first is not None else None,
            goal=goal.model_dump(),
            data=Data((), (), names, [1.0] * len(names), self.epochs, self.context, False),
            training=self._steps(folder, steps, goal.questions * goal.replies, length, context),
            tokenizer=out,
            out=out,
            merged=self.merged,
            best=self.evaluate.best,
            samples=samples[: self.evaluate.samples],
            ends=reply_ends(encoder),
            tasks=specs,
            held_share=self.evaluate.held,
        )
        return job, [_left(asked, names, out)]

    def _check(self, tasks: Sequence[str]) -> None:
        """See that the settings go together."""
        for method in self._several.values() or (self._first,):
            planning.check_method(method, self.optimizer.use, tasks)
        if self.baseline and (self.method is None or self._several):
            raise RecipeError("a baseline is a LoRA beside one method", hint='name one: method = "mixlora"')

    def _job(self, folder: Path, results: list[Result], out: Path, context: Context) -> Job:
        tasks = sorted({name for result in results for kind in ("train", "held") for name in result["tasks"][kind]})
        self._check(tasks)
        pieces = {
            kind: [(str(out / WORK / kind / f"{n:05d}.npz"), result["tasks"][kind]) for n, result in enumerate(results)]
            for kind in ("train", "held")
        }
        data = Data(
            pieces=pieces["train"],
            held=pieces["held"],
            tasks=tasks,
            weights=planning.weights_of(self.mixture, tasks),
            epochs=self.epochs,
            context=self.context,
            packed=self.data.packed,
        )
        return Job(
            base=folder,
            method=self._first.spec() if self._first is not None else None,
            goal=self.objective.model_dump(),
            data=data,
            training=self._training(folder, data, context),
            tokenizer=out,
            out=out,
            best=self.evaluate.best,
            merged=self.merged,
            samples=_samples(results, tasks, self.evaluate.samples) if self.objective.use != "reward" else (),
            ends=_ends(results),
        )

    def _training(self, folder: Path, data: Data, context: Context) -> Training:
        ranks = self.compute.processes()
        filled = data.filled(self.objective, context.seed)
        together = self.objective.together
        mean = max(1, round(float(filled.examples.places.mean())))
        length = self.context if filled.packed else mean
        rows = planning.rows_of(len(filled.rows), self.batch, length, ranks, together)
        steps = -(-len(filled.rows) // rows)
        return self._steps(folder, steps, rows, length, context)

    def _steps(self, folder: Path, steps: int, rows: int, length: int, context: Context) -> Training:
        """Fill in the numbers of a training of so many steps of so many rows."""
        shape = read_shape(folder)
        if self.context > shape.context:
            raise RecipeError(f"the model was made for {shape.context} tokens: context = {self.context} is too much")
        return Training(
            steps=steps,
            rows=rows,
            context=length,
            seed=context.seed,
            schedule=self.schedule.schedule(steps),
            update=self.optimizer.of("").update(planning.learning_rate(shape, self._first, self.objective)),
            computing=self.compute.computing(context.workers),
            evaluate_every=every(steps, self.evaluate.every, planning.EVALUATIONS),
            checkpoint_every=every(steps, None, planning.CHECKPOINTS),
            together=self.objective.together,
            patience=self.evaluate.patience,
            measure_first=True,
            outliers=self.objective.reads != "tasks",
        )

    def _beside(self, job: Job, context: Context) -> None:
        """Tune a LoRA on all linears with about as many trained weights, on the same rows."""
        size = json.loads((job.out / TRAINED).read_text(encoding="utf-8"))
        rank = max(1, round(size["trained"] / size["a_rank"]))
        method = build_method({"use": "lora", "rank": rank, "alpha": 2 * rank})
        shape = read_shape(job.base)
        rate = planning.learning_rate(shape, method, self.objective)
        training = replace(job.training, update=self.optimizer.update(rate))
        out = job.out / BASELINE
        out.mkdir(exist_ok=True)
        spec = method.spec()
        self._train(replace(job, method=spec, training=training, out=out, merged=False, label="baseline"), context)
        for name in (*FILES, MODEL):
            if (job.out / name).is_file():
                copyfile(job.out / name, out / name)
        shutil.rmtree(out / WORK, ignore_errors=True)

    def _train(self, job: Job, context: Context) -> None:
        ranks = self.compute.processes()
        if ranks == 1:
            carry_out(job, context.progress)
            return
        place = job.out / WORK / "job.json"
        job.write(place)
        launch("lmloop.stages.finetune.rank", place, ranks)


def _left(asked: Asked, names: Sequence[str], out: Path) -> Result:
    """Count the questions, and keep those that cannot be asked."""
    why = [reason for _, reason in asked.left]
    if why:
        keep(out / DROPPED / "00000.parquet", [record for record, _ in asked.left], why)
    prune(out / DROPPED, {"00000.parquet"} if why else set())
    tasks = Counter(names[asked.questions[number][0]] for number in asked.learnt)
    held = sum(map(len, asked.held.values()))
    return {"counts": {"train": len(asked.learnt), "held": held}, "by_task": dict(tasks), "reasons": dict(Counter(why))}


def _samples(results: Sequence[Result], tasks: Sequence[str], most: int) -> list[tuple[int, str, list[int]]]:
    """Choose prompts of as many tasks as there are, to reply to in the end."""
    found = [(tasks.index(task), text, ids) for result in results for task, text, ids in result["samples"]]
    turn = {place: sum(one[0] == each[0] for one in found[:place]) for place, each in enumerate(found)}
    return [found[place] for place in sorted(turn, key=lambda place: (turn[place], found[place][0]))[:most]]


def _ends(results: Sequence[Result]) -> list[int]:
    return sorted({int(token) for result in results for token in result["ends"]})
