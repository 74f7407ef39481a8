"""What a load test can be told, in tables."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from lmloop.loadtest.amounts import Seconds, lengths, limit, rates
from lmloop.loadtest.arrivals import Pattern
from lmloop.loadtest.filler import Filler


def _lengths(told: Any) -> str:
    lengths(told)
    return str(told)


def _limit(told: str) -> str:
    return str(told) if limit(told) else told


LengthsText = Annotated[str, BeforeValidator(_lengths)]
LimitText = Annotated[str, AfterValidator(_limit)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RequestTable(_Table):
    """How requests are sent.

    ``stream`` asks for a stream of events. ``extra`` are fields added to each request. A reply may take ``timeout``
    seconds. The key comes from the environment variable ``key``; ``verify`` looks at the server's certificate. A share
    ``cancel`` of the sessions is given up by the client ``patience`` seconds after they were sent.
    """

    stream: bool = True
    extra: dict[str, Any] = {}
    timeout: Seconds = 600.0
    key: str = "OPENAI_API_KEY"
    verify: bool = True
    cancel: float = Field(default=0.0, ge=0, le=1)
    patience: Seconds = 1.0


class LoadTable(_Table):
    """When requests are sent.

    Open loop: ``rate`` sessions a second arrive whether or not those before were answered: ``10``, a ramp ``1..20``, or
    steps ``2,4,8``; their gaps follow ``arrivals``, and ``burstiness`` is the shape of gamma (1 is Poisson). Closed
    loop: ``users`` work at a time, each begins its next session ``think`` seconds after the last; they start within
    ``ramp_up`` seconds, by default 2 ms a user.

    It goes on for ``duration`` seconds or ``requests`` sessions. Requests of the first ``warm_up`` and the last
    ``cool_down`` seconds are sent, but do not count. After the end, replies are waited for ``grace`` seconds. A trace
    is replayed at ``speed``.
    """

    rate: str = "2"
    arrivals: Pattern = "poisson"
    burstiness: float = Field(default=1.0, gt=0)
    users: int = Field(default=0, ge=0)
    think: Seconds = 0.0
    ramp_up: Seconds | None = None
    duration: Seconds | None = Field(default=None, gt=0)
    requests: int | None = Field(default=None, ge=1)
    warm_up: Seconds = 0.0
    cool_down: Seconds = 0.0
    grace: Seconds = 60.0
    speed: float = Field(default=1.0, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _plain_rate(cls, told: Any) -> Any:
        return {**told, "rate": str(told["rate"])} if isinstance(told, dict) and "rate" in told else told

    @model_validator(mode="after")
    def _check(self) -> Self:
        rates(self.rate, 1.0)
        if self.arrivals != "gamma" and self.burstiness != 1.0:
            raise ValueError('burstiness is a setting of arrivals = "gamma"')
        if self.duration is not None and self.warm_up + self.cool_down >= self.duration:
            raise ValueError("warm_up and cool_down leave nothing of the duration")
        return self

    @property
    def seconds(self) -> float:
        """The duration; 30 seconds where nothing says when to end."""
        return 30.0 if self.duration is None else self.duration


class PromptsTable(_Table):
    """What is asked.

    Without files: ``input`` words (or Chinese characters, or token ids below ``vocabulary``) of ``filler``, behind
    ``shared`` of them that all prompts begin with. A session has ``turns`` turns, of which each holds the replies
    before it, and comes ``think`` seconds after the last. At most ``output`` tokens are asked for; nothing is said of
    it where that is empty. ``system`` stands before a chat. Files are read by ``reader``.
    """

    input: LengthsText = "200"
    output: LengthsText | Literal[""] = "64"
    turns: LengthsText = "1"
    think: Seconds = 0.0
    filler: Filler = "en"
    vocabulary: int = Field(default=32000, ge=100)
    shared: int = Field(default=0, ge=0)
    system: str = ""
    reader: str = "files"


class SweepTable(_Table):
    """A search for the highest rate that keeps to the limits: from ``start`` a second, doubled up to ``most``.

    Then the interval is halved until its ends are within a factor of ``close``.
    """

    start: float = Field(default=1.0, gt=0)
    most: float = Field(default=4096.0, gt=0)
    close: float = Field(default=1.15, gt=1)


class ServerTable(_Table):
    """The built-in server: the delays ``ttft`` and ``itl``, and how many requests it answers at a time (``slots``)."""

    ttft: Seconds = 0.1
    itl: Seconds = 0.02
    slots: int = Field(default=0, ge=0)
