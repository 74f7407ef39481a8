"""A step turns finished artifacts into a new one."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

from lmloop.core.part import Part
from lmloop.core.progress import Progress, Silent

Kind: TypeAlias = Literal["records", "tokenizer", "tokens", "weights", "scores", "report", "log"]
EngineName: TypeAlias = Literal["local", "ray"]
Metrics: TypeAlias = Mapping[str, float | int | str]

BLOCKS = "blocks.json"
"""The file in an artifact that says what a person should see of it."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A finished folder: what it holds, where it is, the key of its making, the step that made it.

    Where it is one of several in a run's folder, ``part`` is its name there.
    """

    kind: Kind
    path: Path
    key: str
    id: str = ""
    part: str = ""

    @property
    def run(self) -> Path:
        """The folder of the run that made it."""
        return self.path.parent if self.part else self.path

    def named(self, part: str) -> "Artifact":
        """Give a part of it, or itself where none is named."""
        if not part:
            return self
        return Artifact(self.kind, self.path / part, f"{self.key}/{part}", f"{self.id}/{part}", part)


@dataclass(frozen=True, slots=True)
class Context:
    """What a step is given by the run and what must not change its result (but for the seed).

    ``memory`` is in bytes, for all workers together; ``engine`` says where they run: on this machine (``local``) or on
    a Ray cluster (``ray``). Relative paths start at ``base``. ``outside`` is what the step's own method of that name
    gave when the run was planned.
    """

    seed: int = 0
    workers: int = 1
    memory: int = 2 << 30
    engine: EngineName = "local"
    base: Path = field(default_factory=Path.cwd)
    progress: Progress = field(default_factory=Silent)
    outside: Any = None


class Step(Part):
    """One line of a recipe: settings, what it reads, what it makes."""

    takes: ClassVar[tuple[Kind, ...]] = ()
    makes: ClassVar[Kind]
    needs_input: ClassVar[bool] = True
    """Whether the step must be given at least one input; a step that takes nothing needs none."""
    needs: ClassVar[tuple[Kind, ...]] = ()
    """Kinds of which each must be among the inputs."""
    logs: ClassVar[tuple[str, ...]] = ()
    """The kinds of events that a step which takes the log can read; any if none is named."""

    measured: ClassVar[tuple[str, ...]] = ()
    """Files of which no two runs have the same bytes, as they hold measurements of something outside."""

    tells: ClassVar[bool] = False
    """Whether the step tells of what it reads, whatever that is; others must be able to open it."""

    @abstractmethod
    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Read the inputs, fill the folder ``out``, and report numbers.

        ``out`` may hold what an interrupted run of the same key left there: finish it. What is in ``out/work`` is
        removed once the step is done; what a killed process was writing under a name ending in ``.tmp``, before.
        """

    def parts(self) -> tuple[str, ...]:
        """Name the folders in the result that are results themselves: others read them as ``STEP/NAME``."""
        return ()

    def is_whole(self) -> bool:
        """Say whether the result is one thing, and not only some parts beside each other."""
        return True

    def check_inputs(self, kinds: Collection[Kind]) -> None:
        """See whether inputs of these kinds go with the settings, before anything runs.

        Raises:
            RecipeError: they do not.
        """
        return None

    def forecast(self, inputs: list[Artifact], context: Context) -> str:
        """Say in a line what the step will cost, from inputs that are there; nothing if it cannot be told."""
        return ""

    def outside(self, base: Path, digest: Callable[[Path], str]) -> Any:
        """Say what this step reads that no step made: JSON that changes when that does. None if nothing.

        It is asked when the run is planned and again when the step is done: a result is only kept when what
        it was made from is what its key says.
        """
        return None
