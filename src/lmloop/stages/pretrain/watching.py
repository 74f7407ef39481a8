"""Who looks on at a training: the live line, samples, and how fast it went."""

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from lmloop.core.card import WORK
from lmloop.core.progress import Bar, Progress
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.report.units import duration, number
from lmloop.stages.pretrain.job import Job, sources

if TYPE_CHECKING:
    from lmloop.nn.decoder import Decoder
    from lmloop.nn.held import Score
    from lmloop.nn.trainer import Pace
    from lmloop.nn.training import Computing

PACE, SAMPLES = "pace.jsonl", "samples.jsonl"
OPENING_TOKENS, OPENINGS = 8, 2
SAMPLED = 4
SMOOTH = 0.95


class Watching:
    """Says where a training stands, samples it a few times, and notes its pace in ``work``."""

    def __init__(self, job: Job, progress: Progress) -> None:
        self.job, self.progress = job, progress
        self.tokenizer = Tokenizer.load(job.tokenizer)
        self._open = ExitStack()
        self._bar: Bar | None = None
        self._loss: float | None = None
        self._seen = 0

    def __enter__(self) -> Self:
        (self.job.out / WORK).mkdir(exist_ok=True)
        return self

    def __exit__(self, *rest: object) -> None:
        self._open.close()

    def began(self, step: int, computing: "Computing", pace: "Pace", peak_flops: float) -> None:
        """Say what is going to happen, and open the live line."""
        training = self.job.training
        tokens = (training.steps - step) * training.tokens_per_step
        how = f"{computing.precision}, {computing.threads} threads, compile {computing.compile}"
        verb = f"goes on at step {step}" if step else "begins"
        self.progress.say(
            f"  training {verb}: about {duration(pace.seconds_left)} for {number(tokens)} tokens at "
            f"{number(round(pace.tokens_per_second))} a second ({how}; {pace.utilisation:.0%} of "
            f"{peak_flops / 1e9:,.0f} GFLOP/s)"
        )
        self._bar = self._open.enter_context(self.progress.bar("train", tokens, "tok"))
        self._note({"step": step, "began": time.time(), "peak": peak_flops, "precision": computing.precision})

    def stepped(self, step: int, loss: float, pace: "Pace") -> None:
        """Move the live line."""
        assert self._bar is not None
        self._loss = loss if self._loss is None else SMOOTH * self._loss + (1 - SMOOTH) * loss
        self._bar.note(f"step {step}, loss {self._loss:.3f}, {pace.utilisation:.0%} of peak")
        self._bar.advance(self.job.training.tokens_per_step)
        self._note({"step": step, "rate": round(pace.tokens_per_second), "share": round(pace.utilisation, 4)})

    def measured(self, step: int, scores: "Mapping[str, Score]", model: "Decoder | None") -> None:
        """Say the held-out losses, and sample now and then."""
        told = ", ".join(f"{name} {score.bits_per_byte:.3f}" for name, score in scores.items())
        self.progress.say(f"  step {step}: held-out bits per byte: {told}")
        training = self.job.training
        stride = max(1, training.steps // training.evaluate_every // SAMPLED) * training.evaluate_every
        if model is not None and self.job.sample_tokens and (step % stride == 0 or step == training.steps):
            row = {"step": step, "samples": self.samples(model)}
            with (self.job.out / SAMPLES).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def happened(self, line: str) -> None:
        """Say what is out of the ordinary."""
        self.progress.say(f"  {line}")

    def samples(self, model: "Decoder") -> list[tuple[str, str]]:
        """Let the model continue the prompts: the text given, and what it wrote."""
        from lmloop.nn.decode import write
        from lmloop.nn.inference.drawing import Drawing

        prompts = self._prompts()
        ends = () if self.tokenizer.eos_id is None else (self.tokenizer.eos_id,)
        drawing = Drawing(self.job.sample_tokens, temperature=0.8, top_p=0.95, seed=self.job.training.seed, ends=ends)
        written = write(model, [ids for _, ids in prompts], drawing)
        model.train()
        pairs = zip(prompts, written, strict=True)
        return [(text, self.tokenizer.decode(one.ids)) for (text, _), one in pairs]

    def _prompts(self) -> list[tuple[str, list[int]]]:
        """Give the prompts asked for; else how some held-out documents begin, or nothing but the begin token."""
        begin = [] if self.tokenizer.bos_id is None else [self.tokenizer.bos_id]
        if self.job.prompts:
            encoded = self.tokenizer.encode_batch(self.job.prompts)
            pairs = zip(self.job.prompts, encoded, strict=True)
            return [(text, [*begin, *map(int, ids)]) for text, ids in pairs]
        openings: list[tuple[str, list[int]]] = []
        for stream in sources(self.job.tokens, held=True).values():
            documents = stream.documents()
            for start, stop, _ in documents[:: max(1, len(documents) // OPENINGS)][:OPENINGS]:
                ids = stream.read(start, min(stop, start + OPENING_TOKENS))[0].tolist()
                openings.append((self.tokenizer.decode(ids[len(begin) :]), ids))
        return openings or [("", begin or [0])]

    def _note(self, row: Mapping[str, Any]) -> None:
        with (self.job.out / WORK / PACE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
