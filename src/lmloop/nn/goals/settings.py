"""The goals' numbers, as a recipe gives them: ``"dpo"`` or ``{ use = "dpo", beta = 0.2 }``. No torch here."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from lmloop.nn.tables import Table

Reads: TypeAlias = Literal["replies", "pairs", "verdicts", "tasks"]
"""What a goal learns from: replies (or documents); pairs of a better and a worse reply; single replies with a verdict
each; or tasks that grade what the model writes."""

UNITS: Mapping[Reads, str] = {"replies": "nats a token", "pairs": "a pair", "verdicts": "a reply", "tasks": "a reply"}
"""What a goal's loss is a mean over."""


class Goal(Table):
    """What every goal says of itself.

    ``reads`` is what it learns from, ``refers`` whether it compares with the model as it was, ``rate`` its usual factor
    of the learning rate.
    """

    reads: ClassVar[Reads] = "replies"
    refers: ClassVar[bool] = False
    rate: ClassVar[float] = 1.0

    use: str

    @property
    def together(self) -> int:
        """How many rows belong together."""
        return 1 if self.reads in ("replies", "tasks") else 2

    @property
    def unit(self) -> str:
        """What its loss is a mean over."""
        return UNITS[self.reads]


class Referring(Goal):
    """A goal that compares with the model as it was, and learns at a quarter of the usual rate."""

    refers: ClassVar[bool] = True
    rate: ClassVar[float] = 0.25


class Sft(Goal):
    """Say what was replied."""

    use: Literal["sft"] = "sft"


class Dpo(Referring):
    """Direct preference optimisation. ``smoothing`` is the share of pairs thought to be the wrong way round."""

    reads: ClassVar[Reads] = "pairs"

    use: Literal["dpo"] = "dpo"
    beta: float = Field(default=0.1, gt=0)
    smoothing: float = Field(default=0.0, ge=0, lt=0.5)


class Ipo(Referring):
    """Identity preference optimisation, with the strength ``tau`` of the pull to the model as it was."""

    reads: ClassVar[Reads] = "pairs"

    use: Literal["ipo"] = "ipo"
    tau: float = Field(default=0.1, gt=0)


class Kto(Referring):
    """Kahneman-Tversky optimisation; ``good`` and ``bad`` weigh replies of either kind."""

    reads: ClassVar[Reads] = "verdicts"

    use: Literal["kto"] = "kto"
    beta: float = Field(default=0.1, gt=0)
    good: float = Field(default=1.0, gt=0)
    bad: float = Field(default=1.0, gt=0)


class Orpo(Goal):
    """Odds ratio preference optimisation; ``weight`` is that of the odds beside the likelihood of the better reply."""

    reads: ClassVar[Reads] = "pairs"

    use: Literal["orpo"] = "orpo"
    weight: float = Field(default=0.1, gt=0)


class Simpo(Goal):
    """Simple preference optimisation: mean log-probabilities, ``beta`` times, are to differ by ``margin``."""

    reads: ClassVar[Reads] = "pairs"
    rate: ClassVar[float] = 0.25

    use: Literal["simpo"] = "simpo"
    beta: float = Field(default=2.0, gt=0)
    margin: float = Field(default=1.0, ge=0)


class Reward(Goal):
    """A reward model; ``centre`` is the strength of the pull of a pair's rewards to a mean of 0."""

    reads: ClassVar[Reads] = "pairs"

    use: Literal["reward"] = "reward"
    centre: float = Field(default=0.01, ge=0)


class Grpo(Referring):
    """Group relative policy optimisation on tasks that grade themselves.

    Each step asks ``questions`` of them and draws ``replies`` to each, of at most ``tokens`` tokens at ``temperature``.
    ``beta`` is the strength of the pull to the model as it was. ``scaled`` divides by the deviation of a question's
    rewards, and ``average`` says over what a reply's tokens are averaged: itself, or ``tokens``, the same for all.
    """

    reads: ClassVar[Reads] = "tasks"

    use: Literal["grpo"] = "grpo"
    questions: int = Field(default=8, ge=1)
    replies: int = Field(default=8, ge=2)
    tokens: int = Field(default=64, ge=1)
    temperature: float = Field(default=1.0, gt=0)
    beta: float = Field(default=0.02, ge=0)
    scaled: bool = True
    average: Literal["reply", "tokens"] = "reply"
    measured: int = Field(default=64, ge=1)


GOALS = ("sft", "dpo", "ipo", "kto", "orpo", "simpo", "reward", "grpo")


def _named(spec: Any) -> Any:
    said = {"use": spec} if isinstance(spec, str) else {"use": "sft", **spec} if isinstance(spec, dict) else spec
    if isinstance(said, dict) and said["use"] not in GOALS:
        raise ValueError(f"there is no objective {said['use']!r}; there are {', '.join(GOALS)}")
    return said


AnyGoal = Annotated[
    Annotated[Sft | Dpo | Ipo | Kto | Orpo | Simpo | Reward | Grpo, Field(discriminator="use")], BeforeValidator(_named)
]
"""A setting that holds a goal: a recipe names it, or gives a table with ``use``."""
