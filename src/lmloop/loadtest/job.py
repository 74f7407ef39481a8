"""What a measuring process is told to do."""

import json
from dataclasses import asdict, dataclass

from lmloop.loadtest.target import Address, Form


@dataclass(frozen=True, slots=True)
class Job:
    """What a process is to do; seconds are from the start. The key is in the environment variable ``key``.

    With ``users``, so many work at a time in all processes together, and begin over ``ramp`` seconds; with none,
    sessions begin when the schedule says. No session begins after ``until``; at ``last``, what is still open is given
    up.
    """

    where: Address
    form: Form
    schedule: str
    log: str
    number: int
    workers: int
    users: int = 0
    think: float = 0.0
    ramp: float = 0.0
    until: float | None = None
    last: float | None = None
    timeout: float = 600.0
    cancel: tuple[float, float] = (0.0, 0.0)
    verify: bool = True
    key: str = "OPENAI_API_KEY"

    def line(self) -> str:
        """Write it for the process."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, line: str) -> "Job":
        """Read what was written."""
        row = json.loads(line)
        row["cancel"] = tuple(row["cancel"])
        return cls(**{**row, "where": Address(**row["where"]), "form": Form(**row["form"])})
