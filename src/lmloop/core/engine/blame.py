"""Say which part failed, and on what: an exception out of a plug-in's depths tells a user nothing."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lmloop.core.errors import LmloopError, StepError


@contextmanager
def blaming(part: str, where: str) -> Iterator[None]:
    """Turn whatever a part raises into a :class:`StepError` that names the part, the data and the line.

    What the machine refuses (a full disk, no memory) and what the part says itself stay as they are.
    """
    try:
        yield
    except (LmloopError, OSError, MemoryError):
        raise
    except Exception as bad:
        frame = traceback.extract_tb(bad.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        raise StepError(
            f"{part} failed on {where}: {type(bad).__name__}: {bad} (at {place})",
            hint="this is a fault of the part, not of the data: lmloop check part tries it out",
        ) from bad
