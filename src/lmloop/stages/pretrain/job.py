"""A training as a file: all that a process needs to take part in it, whoever started it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.rows import HeldOut
from lmloop.kernels.order import Curve, Mixture
from lmloop.kernels.packed import TOKENIZER, Index, streams
from lmloop.kernels.windows import Measured, Mixed, Windows
from lmloop.nn.shape import Shape, Stretch
from lmloop.nn.training import Training

HELD_ROWS = 16


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained, on what, and where the result goes.

    ``tokens`` names the folders of packed tokens; ``start`` is a model's folder and ``branch`` a checkpoint's, if it
    does not begin afresh; ``taken`` says how many rows of each source an earlier training has read.
    """

    tokens: Mapping[str, Path]
    shape: Shape
    training: Training
    weights: Mapping[str, Curve]
    taken: Mapping[str, int]
    held_tokens: int
    prompts: tuple[str, ...]
    sample_tokens: int
    out: Path
    start: Path | None = None
    branch: Path | None = None

    def write(self, path: Path) -> None:
        """Write it for other processes."""
        with draft(path) as place:
            place.write_text(json.dumps(asdict(self), default=str), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Job":
        """Read it."""
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        shape = said["shape"]
        if shape["stretch"]:
            shape["stretch"] = Stretch(**shape["stretch"])
        return cls(
            **{
                **said,
                "tokens": {name: Path(folder) for name, folder in said["tokens"].items()},
                "shape": Shape(**shape),
                "training": Training.from_plain(said["training"]),
                "prompts": tuple(said["prompts"]),
                "out": Path(said["out"]),
                "start": said["start"] and Path(said["start"]),
                "branch": said["branch"] and Path(said["branch"]),
            }
        )

    def batches(self) -> Mixed:
        """Open the rows to train on."""
        context, training = self.training.context, self.training
        windows = {name: Windows(stream, context) for name, stream in sources(self.tokens).items()}
        wanted = {name: windows[name] for name in self.weights}
        mixture = Mixture(self.weights, training.rows, training.steps)
        return Mixed(wanted, mixture, training.seed, self.taken)

    def held(self) -> HeldOut:
        """Open the rows to measure with, of all sources that have some."""
        found = sources(self.tokens, held=True)
        return {n: Measured(s, self.training.context, self.held_tokens).held(HELD_ROWS) for n, s in found.items()}

    @property
    def tokenizer(self) -> Path:
        """The folder of the tokenizer that the tokens are of."""
        return next(iter(self.tokens.values())) / TOKENIZER


def sources(tokens: Mapping[str, Path], held: bool = False) -> dict[str, Any]:
    """Open the streams of some folders of tokens; with several folders, a source is named ``folder/source``."""
    found = {}
    for name, folder in tokens.items():
        for source, stream in streams(folder, Index.read(folder), held).items():
            found[source if len(tokens) == 1 else name if source == name else f"{name}/{source}"] = stream
    return found


def common_index(tokens: Mapping[str, Path]) -> Index:
    """Read what the folders of tokens say of themselves.

    Raises:
        DataError: they were not made by one tokenizer, or not in one way.
    """
    indexes = {name: Index.read(folder) for name, folder in tokens.items()}
    first_name, first = next(iter(indexes.items()))
    for name, index in indexes.items():
        for what, one, other in (
            ("tokenizer", first.tokenizer, index.tokenizer),
            ("begin token", first.before, index.before),
            ("end token", first.behind, index.behind),
        ):
            if one != other:
                raise DataError(
                    f"{name!r} and {first_name!r} were not packed with the same {what}: {other} and {one}",
                    hint="pack all of them with one tokenizer",
                )
    return first
