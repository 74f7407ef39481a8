"""The training loop: steps that are a function of their number, watched, guarded, and saved to go on bit for bit."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lmloop.core.draft import draft
from lmloop.core.errors import StepError
from lmloop.core.rows import Batches, HeldOut, Rows
from lmloop.nn import speed
from lmloop.nn.checkpoint import Carried, read_state, settle
from lmloop.nn.guard import MOST_ROLLBACKS, MOST_SKIPS, Guard
from lmloop.nn.held import Score, measure
from lmloop.nn.learner import Learner
from lmloop.nn.optimizer import set_rate
from lmloop.nn.parallel import Ranks, reshard, synchronise, whole
from lmloop.nn.schedule import DECADES, is_due
from lmloop.nn.training import Computing, Training

METRICS, LATEST, CHECKPOINTS = "metrics.jsonl", "latest", "checkpoints"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast it goes: tokens a second, the share of the measured peak, and the seconds that are left."""

    tokens_per_second: float
    utilisation: float
    seconds_left: float


class Watch(Protocol):
    """Who looks on. Nothing that it does changes the training."""

    def began(self, step: int, computing: Computing, pace: Pace, peak_flops: float) -> None:
        """Hear at which step it begins, how it computes, and how fast it will be."""

    def stepped(self, step: int, loss: float, pace: Pace) -> None:
        """Hear that a step is done."""

    def measured(self, step: int, scores: Mapping[str, Score], model: Any) -> None:
        """Hear the held-out losses; see the model where it is in one piece, and None where it is not."""

    def happened(self, line: str) -> None:
        """Hear of what is out of the ordinary."""


@dataclass
class _Now:
    """Where a training is: all that a checkpoint's state holds."""

    step: int = 0
    shift: int = 0
    lines: int = 0
    best: float = float("inf")
    best_step: int = -1
    guard: Guard = field(default_factory=Guard)

    def plain(self) -> dict[str, Any]:
        best = self.best if self.best_step >= 0 else None
        return {**{name: getattr(self, name) for name in ("step", "shift", "lines", "best_step")}, "best": best}


class Trainer:
    """A training of a learner on batches, in a folder that holds its checkpoints and what it measured.

    ``batch(step)`` must be a pure function. What an interrupted training left in the folder is gone on with.
    """

    def __init__(self, learner: Learner, training: Training, batches: Batches, held: HeldOut, folder: Path) -> None:
        self.training, self.batches, self.held, self.folder = training, batches, held, folder
        self.ranks = Ranks.join()
        self.learner = learner.to(self.ranks.device)
        self.learner.recompute(training.computing.recompute)
        self.model: nn.Module = self.learner.decoder
        self.wrapped = self.ranks.wrap(self.learner, learner.layers, training.computing.parallel)
        self.carried = Carried(self.learner, self.learner.optimizers(training.update), self.ranks)
        self.now = _Now()
        self.flops = learner.flops_per_token(training.context)
        self._saved = time.monotonic()

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints lie: ``step-00000042`` was saved after 42 steps."""
        return self.folder / CHECKPOINTS

    def run(self, watch: Watch, start: Path | None = None) -> None:
        """Train to the end. A ``start`` checkpoint gives weights and optimizer of another training to begin with.

        Raises:
            StepError: it went back over and over again, and it did not help.
        """
        for _ in self.steps(watch, start):
            pass

    def steps(self, watch: Watch, start: Path | None = None) -> Iterator[int]:
        """Train as :meth:`run` does, and give the number of each step before it is done: others may have a turn."""
        torch.manual_seed(self.training.seed)
        computing = self._resume(start)
        watch = watch if self.ranks.first else _Blind()
        run: Callable[..., Any] = self.wrapped
        if computing is None:
            computing = self._choose()
        speed.apply(computing, self.ranks.device)
        peak = speed.peak_flops(computing.precision, self.ranks.device)
        pace = self._trial(computing, peak)
        if computing.compile == "auto":
            on = self.learner.compiles and speed.pays(computing, pace.seconds_left, self.ranks.device)
            computing = replace(computing, compile="on" if on else "off")
        if computing.compile == "on":
            run = self.learner.compiled(self.wrapped)
        self.computing = computing
        watch.began(self.now.step, computing, pace, peak)
        if self.now.step == 0 and not (self.checkpoints / _name(0)).exists():
            self._save(self.checkpoints / _name(0))
        with (self.folder / METRICS).open("a", encoding="utf-8") as self._log:
            if self.now.step == 0 and self.training.measure_first and self.held:
                self._measure(watch)
            while self.now.step < self.training.steps and not self._enough():
                yield self.now.step
                self._advance(run, watch, peak)

    def _advance(self, run: Callable[..., Any], watch: Watch, peak: float) -> None:
        """Do one step and all that is due after it."""
        began = time.perf_counter()
        sums, norm, tokens = self._step(run)
        loss = sums[0] / tokens
        seconds = time.perf_counter() - began
        wrong = self.now.guard.judge(loss, norm, self.training.outliers)
        rate = self._rate()
        if wrong:
            self.now.guard.skips += 1
            self._write({"step": self.now.step, "event": "skip", "why": wrong, "loss": _finite(loss)})
            watch.happened(f"step {self.now.step}: skipped, {wrong} ({loss:.4g}, gradient {norm:.4g})")
            if self.now.guard.skips >= MOST_SKIPS:
                self._roll_back(watch)
                return
        else:
            set_rate(self.carried.optimizers, rate)
            for optimizer in self.carried.optimizers:
                optimizer.step()
            self.now.guard.accept(loss, norm)
        for optimizer in self.carried.optimizers:
            optimizer.zero_grad(set_to_none=True)
        self.now.step += 1
        more = {name: _finite(total / tokens) for name, total in zip(self.learner.shows, sums, strict=True)}
        self._write({"step": self.now.step, **more, "rate": rate, "gradient": _finite(norm), "tokens": tokens})
        watch.stepped(self.now.step, loss, self._pace(seconds, peak))
        self._due(watch)

    def _step(self, run: Callable[..., Any]) -> tuple[list[float], float, int]:
        """Add up a step's gradients; give what is shown, the gradient's length before clipping, and the targets."""
        device, world = self.ranks.device, self.ranks.world
        # dropout is a function of the step, too, and not of what was drawn before
        torch.manual_seed((self.training.seed + (self._place() * world + self.ranks.rank << 20)) % (1 << 63))
        rows = self.batches.batch(self._place())
        valid = max(rows.valid, 1)
        micro = self._split(rows)
        total = torch.zeros(len(self.learner.shows), device=device)
        for number, part in enumerate(micro):
            synchronise(self.wrapped, number == len(micro) - 1)
            with speed.cast(self.computing.precision, device):
                loss, shown = run(*self.learner.arguments(part, device))
            # every target of the whole step weighs the same, however they fall into rows, parts and ranks
            (loss * (world / valid)).backward()
            total += shown
        trained = [weight for _, weight in self.learner.trained()]
        norm = nn.utils.clip_grad_norm_(trained, self.training.update.clip)
        return self.ranks.sums(*total), float(whole(norm)), valid

    def _place(self) -> int:
        """Say which batch is next: those round which it went do not come again."""
        return self.now.step + self.now.shift

    def _due(self, watch: Watch) -> None:
        """Measure and save when it is time."""
        step, training = self.now.step, self.training
        last = step == training.steps
        if self.held and (step % training.evaluate_every == 0 or last):
            self._measure(watch)
        due = is_due(step, training.checkpoint_every) or step == training.schedule.decay_start
        # what to go back to is not saved among bad steps: it may be what makes them bad
        if last or (due and not self.now.guard.skips):
            self._save(self.checkpoints / _name(step))
            self._prune()
        late = time.monotonic() - self._saved > training.save_seconds
        if self.ranks.sums(float(late and self.ranks.first))[0] > 0:
            self._save(self.folder / LATEST)

    def _measure(self, watch: Watch) -> None:
        scores = measure(self.learner, self.wrapped, self.held, self.computing.precision, self.ranks)
        plain = {
            source: {"loss": score.loss, "bits_per_byte": score.bits_per_byte, **score.more}
            for source, score in scores.items()
        }
        self._write({"step": self.now.step, "held": plain})
        mean = sum(score.loss for score in scores.values()) / len(scores)
        if mean < self.now.best:
            self.now.best, self.now.best_step = mean, self.now.step
            self._save(self.folder / CHECKPOINTS / "best")
        sharded = self.ranks.world > 1 and self.training.computing.parallel == "fsdp"
        watch.measured(self.now.step, scores, None if sharded else self.model)

    def _enough(self) -> bool:
        """Say whether the held-out loss has not fallen for so long that it will not any more."""
        waited = (self.now.step - self.now.best_step) // self.training.evaluate_every
        return 0 < self.training.patience <= waited and self.now.best_step >= 0

    def _roll_back(self, watch: Watch) -> None:
        """Go back to the last checkpoint of a fixed step; from there read other rows, at a lower rate for a while."""
        now = self.now
        if now.guard.rollbacks >= MOST_ROLLBACKS:
            raise StepError(
                f"the training breaks down at step {now.step}, whatever rows it reads",
                hint="lower the learning rate, or look at what the loss did in metrics.jsonl",
            )
        reshard(self.wrapped)
        good = max(self._fixed(), key=lambda path: path.name)
        kept = (now.step, now.shift, now.lines, now.guard.rollbacks)
        self._load(good)
        self.now.lines = kept[2]
        self.now.shift = kept[1] + kept[0] + 1 - self.now.step
        self.now.guard.rolled_back(self.now.step, kept[3])
        self._write({"step": self.now.step, "event": "rollback", "from": kept[0]})
        watch.happened(f"step {kept[0]}: went back to step {self.now.step}, and round the rows that followed")
        for optimizer in self.carried.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def _resume(self, start: Path | None) -> Computing | None:
        """Go on where an interrupted training was saved last; give how it computed. None where this one begins."""
        if self.ranks.first:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            settle(self.checkpoints)
            settle(self.folder)
        self.ranks.wait()
        found = [path for path in (self.folder / LATEST, *self._fixed()) if path.exists()]
        if not found:
            if start is not None:
                self.carried.load(start)
            if self.ranks.first:
                (self.folder / METRICS).write_text("", encoding="utf-8")
            return None
        state = self._load(max(found, key=lambda path: read_state(path)["now"]["step"]))
        if self.ranks.first:
            _cut(self.folder / METRICS, self.now.lines)
        return Computing(**state["computing"])

    def _choose(self) -> Computing:
        """Choose how to compute; all ranks do as the first one."""
        rows, together = self.training.rows // self.ranks.world, self.training.together
        shape = self.learner.decoder.shape
        micro = self.training.computing.micro_rows or speed.micro_rows(shape, self.training.context, self.ranks.device)
        computing = replace(self.training.computing, micro_rows=min(max(1, micro // together) * together, rows))
        if self.ranks.world > 1:  # ranks share the cores of a machine, and a trial of one would wait for the others
            return speed.settled(computing, self.ranks.device)
        part = self.batches.batch(0).part(0, computing.micro_rows)
        return speed.choose(self.learner, part, computing, self.ranks.device)

    def _trial(self, computing: Computing, peak: float) -> Pace:
        """Time a micro batch, to say beforehand how long all will take."""
        self.computing = computing
        parts = self._split(self.batches.batch(0))
        state = torch.get_rng_state()
        with speed.cast(computing.precision, self.ranks.device):
            arguments = self.learner.arguments(parts[0], self.ranks.device)

            def work() -> None:
                self.wrapped(*arguments)[0].backward()
                self.wrapped.zero_grad(set_to_none=True)

            work()
            seconds = speed.timed(work, self.ranks.device)
        torch.set_rng_state(state)
        return self._pace(seconds * len(parts), peak)

    def _pace(self, seconds: float, peak: float) -> Pace:
        """Work out the pace from the seconds of one step."""
        rate = self.training.tokens_per_step / seconds
        share = rate * self.flops / (peak * self.ranks.world)
        return Pace(rate, share, seconds * (self.training.steps - self.now.step))

    def _split(self, rows: Rows) -> list[Rows]:
        """Give this rank's rows of a step, in micro batches."""
        share = self.training.rows // self.ranks.world
        first, size = share * self.ranks.rank, self.computing.micro_rows
        return [rows.part(n, min(n + size, first + share)) for n in range(first, first + share, size)]

    def _rate(self) -> float:
        factor = self.training.schedule.factor(self.now.step) * self.now.guard.factor(self.now.step)
        return self.training.update.learning_rate * factor

    def weights(self) -> dict[str, Tensor]:
        """Give all weights that were trained, in one piece on the CPU; all ranks must ask."""
        reshard(self.wrapped)
        return {name: whole(weight.detach()).cpu() for name, weight in self.carried.named()}

    def load(self, folder: Path) -> None:
        """Take the weights of a checkpoint; all ranks must ask."""
        reshard(self.wrapped)
        self.carried.load(folder)

    def _save(self, folder: Path) -> None:
        reshard(self.wrapped)
        state = {"now": {**self.now.plain(), "guard": self.now.guard.plain()}, "computing": asdict(self.computing)}
        self.carried.save(folder, {**state, "taken": self._taken()})
        self._saved = time.monotonic()
        self.ranks.wait()

    def _taken(self) -> dict[str, int]:
        """Ask the batches how much they have given, where they can say: another training may go on behind it."""
        taken = getattr(self.batches, "taken", None)
        return taken(self._place()) if taken is not None else {}

    def _load(self, folder: Path) -> dict[str, Any]:
        state = self.carried.load(folder)
        said = dict(state["now"])
        guard, best = Guard.from_plain(said.pop("guard")), said.pop("best")
        self.now = _Now(**said, best=float("inf") if best is None else best, guard=guard)
        return state

    def _fixed(self) -> list[Path]:
        return sorted(self.checkpoints.glob("step-????????"))

    def _prune(self) -> None:
        """Keep the last checkpoints, the one where the learning rate began to fall, and all that are due by decades."""
        if not self.ranks.first:
            return
        kept = {_name(self.training.schedule.decay_start)}
        if self.training.checkpoint_every == DECADES:
            kept |= {_name(step) for step in range(self.now.step + 1) if is_due(step, DECADES)}
        others = [path for path in self._fixed() if path.name not in kept]
        for path in others[: -self.training.keep]:
            rmtree(path)

    def _write(self, row: Mapping[str, Any]) -> None:
        self.now.lines += 1
        if self.ranks.first:
            self._log.write(json.dumps(row) + "\n")
            self._log.flush()


class _Blind:
    """The watch of all ranks but the first."""

    def began(self, step: int, computing: Computing, pace: Pace, peak_flops: float) -> None: ...

    def stepped(self, step: int, loss: float, pace: Pace) -> None: ...

    def measured(self, step: int, scores: Mapping[str, Score], model: Any) -> None: ...

    def happened(self, line: str) -> None: ...


def _name(step: int) -> str:
    return f"step-{step:08d}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _cut(path: Path, lines: int) -> None:
    """Leave the first lines of a file, in one go."""
    kept = path.read_text(encoding="utf-8").splitlines(keepends=True)[:lines]
    with draft(path) as place:
        place.write_text("".join(kept), encoding="utf-8")
