"""Who looks on at a tuning: the live line, and what was measured."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lmloop.core.progress import Progress
from lmloop.report.live import LiveLine
from lmloop.stages.finetune.job import Job

if TYPE_CHECKING:
    from lmloop.nn.held import Score


class Watching(LiveLine):
    """Says where a tuning stands."""

    def __init__(self, job: Job, progress: Progress) -> None:
        super().__init__(job.training, job.out, progress, job.label)
        self.who = f"{job.name}, " if job.name else ""

    def measured(self, step: int, scores: "Mapping[str, Score]", model: Any) -> None:
        """Say the held-out losses."""
        told = []
        for name, score in scores.items():
            more = [f"{key} {value:.3f}" for key, value in score.more.items() if key != "routing"]
            told.append(f"{name} {score.loss:.3f}" + (f" ({', '.join(more)})" if more else ""))
        self.progress.say(f"  {self.who}step {step}: held-out loss: {', '.join(told)}")
