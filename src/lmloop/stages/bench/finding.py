"""What a whole measurement found: one test, or those of a sweep."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmloop.loadtest.calibration import Calibration
from lmloop.loadtest.measures import Requests
from lmloop.stages.bench.playing import Test


@dataclass(frozen=True, slots=True)
class Finding:
    """All tests in order; ``main`` is the one to look at, and ``requests`` are its requests.

    ``kind`` says what was done: a single test, a sweep or a calibration. ``edge`` holds the highest rate that held and
    the lowest that did not. ``partial`` says why not all was measured that should have been.
    """

    kind: str
    target: str
    model: str
    tests: Sequence[Test]
    main: Test | None
    requests: Requests | None
    edge: tuple[float, float] | None = None
    partial: str = ""
    calibration: Calibration | None = None

    @property
    def valid(self) -> bool:
        """Whether the main test measured the server and not the client."""
        return self.main is not None and not self.main.reasons
