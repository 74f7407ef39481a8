"""MOELoRA: experts that are weighed by the task, so that each task has one ordinary LoRA in the end."""

from collections.abc import Mapping, Sequence

from pydantic import Field, model_validator

from lmloop.core.method import Method
from lmloop.core.sites import LowRank, Place, Router, Site, pick


class Moelora(Method):
    """Weigh experts by the task alone (Liu et al. 2024, "When MOE Meets LLMs", sections 3.3 to 3.5).

    One gate serves the whole model: a table of ``tasks`` rows of width ``task_width``, a linear map to ``experts``
    weights, and softmax. The total ``rank`` is divided among the experts; the change is scaled by alpha / rank with the
    total (``alpha`` sets its size), and ``dropout`` is that of its input. A row of several tasks has the mean of their
    table rows. Since a weight hangs on the task only, each task's change is an ordinary LoRA of the total rank, and can
    be exported and merged as one. ``targets`` are the linears it sits on.

    The reference code also trains a table and a gate in each layer that nothing reads, and merges with those; here
    they do not exist. A begins normal with deviation 0.01, as in the code.
    """

    experts: int = Field(default=8, ge=1)
    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    tasks: int = Field(default=8, ge=1)
    task_width: int = Field(default=64, ge=1)
    targets: list[str] = Field(default=["all"], min_length=1)

    @model_validator(mode="after")
    def _divides(self) -> "Moelora":
        if self.rank % self.experts:
            raise ValueError("rank must be a multiple of experts: each has an equal share of it")
        return self

    def sites(self, places: Sequence[Place]) -> Mapping[str, Site]:
        """Put all experts on each target, with the one gate of the model."""
        router = Router(reads="task", tasks=self.tasks, width=self.task_width)
        share = self.rank // self.experts
        site = LowRank(share, self.alpha / self.rank, self.experts, self.dropout, router, deviation=0.01)
        return {place.name: site for place in pick(places, self.targets)}
