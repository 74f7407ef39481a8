"""What goes wrong for users, as a small tree.

::

    LmloopError            a user's mistake or a machine's limit: one message, one hint, no traceback
    ├── RecipeError        a recipe, its settings or its wiring
    ├── PartError          an op, reader, model, task, method or step that cannot be found, loaded or built
    ├── DataError          an input file or an artifact that cannot be read
    ├── StepError          a step that could not be finished
    ├── Interrupted        the user stopped the work; running again goes on
    └── ExtraMissing       an optional dependency that is not installed

Our own mistakes are ``assert`` and keep their traceback.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from errno import EDQUOT, EFBIG, ENOSPC


class LmloopError(Exception):
    """Something the user can put right. ``message`` says what is wrong, ``hint`` what to do."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Cross process borders with the hint intact."""
        return type(self), (self.message, self.hint)


class RecipeError(LmloopError):
    """A recipe, its settings or its wiring is wrong."""


class PartError(LmloopError):
    """A part cannot be found, loaded or built."""


class DataError(LmloopError):
    """An input file or an artifact cannot be read."""


class StepError(LmloopError):
    """A step could not be finished."""

    exit_code = 1


class Interrupted(LmloopError):
    """The user stopped the work."""

    exit_code = 130


class ExtraMissing(LmloopError):
    """An optional dependency is not installed."""


def disk_full(what: str) -> StepError:
    """Say that there is no room left for something, and that nothing is lost by it."""
    return StepError(
        f"the disk is full: {what}",
        hint="make room and run it again: what is finished stays, and it goes on from there",
    )


@contextmanager
def told(what: str) -> Iterator[None]:
    """Tell what the machine refuses inside as one message: ``what`` could not be done, and why.

    Raises:
        StepError: no room, no memory, or any other trouble with files.
    """
    try:
        yield
    except OSError as bad:
        if bad.errno in (ENOSPC, EDQUOT, EFBIG):
            raise disk_full(f"{what} could not be finished") from bad
        raise StepError(f"{what} could not be finished: {bad}", hint="run it again to go on from there") from bad
    except MemoryError as bad:
        hint = "use fewer workers or smaller shards, and run it again to go on from there"
        raise StepError(f"{what} could not be finished: out of memory", hint) from bad


def closest(name: str, known: Iterable[str]) -> str:
    """Say which known names look like the one given, as a hint."""
    known = sorted(set(known))
    near = get_close_matches(name, known, n=2, cutoff=0.55)
    if near:
        return f"did you mean {' or '.join(repr(n) for n in near)}?"
    return f"there are: {', '.join(known)}" if known else ""
