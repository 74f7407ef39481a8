"""Who looks on at a training: the live line, and samples."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lmloop.core.progress import Progress
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.report.live import LiveLine
from lmloop.stages.pretrain.job import Job, sources

if TYPE_CHECKING:
    from lmloop.nn.decoder import Decoder
    from lmloop.nn.held import Score

SAMPLES = "samples.jsonl"
OPENING_TOKENS, OPENINGS = 8, 2
SAMPLED = 4


class Watching(LiveLine):
    """Says where a training stands, and samples it a few times."""

    def __init__(self, job: Job, progress: Progress) -> None:
        super().__init__(job.training, job.out, progress)
        self.job = job
        self.tokenizer = Tokenizer.load(job.tokenizer)

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
