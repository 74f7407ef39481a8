"""Sparsity: how many activations of the feed-forwards do nothing, by layer, and how that grows in a training."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from lmloop.core.card import Card
from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.core.rows import Rows
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.packed import Index, streams
from lmloop.kernels.windows import Measured
from lmloop.nn.huggingface import read_config
from lmloop.nn.shape import Shape
from lmloop.report import blocks

if TYPE_CHECKING:
    from lmloop.nn.activity import Activity

FOUND = "activity.json"
ROWS = 32
AT_FIRST = 0.5
"""On the logarithmic axis of the steps, where the weights stand that nothing has trained yet."""


@dataclass(frozen=True)
class Course:
    """A base model's shape, and what was counted at each of its checkpoints, by step."""

    name: str
    shape: Shape
    at: Mapping[int, "Activity"]

    @property
    def last(self) -> "Activity":
        """What was counted at the end."""
        return self.at[max(self.at)]


class Sparsity(Step):
    """Count activations of the feed-forwards that are zero, or quiet, at every checkpoint of base models.

    Quiet are the smallest activations of a token that together hold at most the share ``faint`` of the squared length
    of all: SiLU is never exactly zero. It reads pretrain steps that keep several checkpoints (``every = "decades"``,
    and ``keep = 2`` for the start), and the packed tokens that they learnt from, of which so many held-out ``tokens``
    of each source are looked at.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("weights", "tokens")
    makes: ClassVar[Kind] = "scores"
    needs: ClassVar[tuple[Kind, ...]] = ("weights", "tokens")

    faint: Annotated[float, Field(ge=0, lt=1)] = 0.01
    tokens: Annotated[int, Field(ge=1)] = 10_000

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Count at every checkpoint, and leave ``activity.json`` and what a person should see."""
        need("torch", "train")
        models = [item for item in inputs if item.kind == "weights"]
        packed = [item.path for item in inputs if item.kind == "tokens"]
        courses = [self._course(item, packed, context) for item in models]
        with draft(out / FOUND) as place:
            place.write_text(json.dumps([_plain(course) for course in courses]), encoding="utf-8")
        blocks.write(out / BLOCKS, _blocks(courses, self.faint))
        told = {}
        for course in courses:
            told[f"zeros/{course.name}"] = round(_mean(course.last.zeros), 4)
            told[f"quiet/{course.name}"] = round(_mean(course.last.quiet), 4)
        return told

    def _course(self, item: Artifact, packed: Sequence[Path], context: Context) -> Course:
        from lmloop.nn.activity import activity, at_checkpoint
        from lmloop.nn.speed import one_thread

        shape, folders = _read(item)
        rows = self._rows(packed, shape)
        found = {}
        with context.progress.bar(f"look at {item.id}", len(folders), "checkpoints") as bar, one_thread():
            for step, folder in folders.items():
                found[step] = activity(at_checkpoint(shape, folder), rows, self.faint)
                bar.advance(1)
        return Course(item.id or item.path.name, shape, found)

    def _rows(self, packed: Sequence[Path], shape: Shape) -> list[Rows]:
        """Read held-out tokens.

        Raises:
            DataError: there are none, or they are of another vocabulary.
        """
        found: list[Rows] = []
        for folder in packed:
            index = Index.read(folder)
            if index.vocabulary != shape.vocabulary:
                raise DataError(f"{folder.name} has {index.vocabulary} ids, the model {shape.vocabulary}")
            for stream in streams(folder, index, held=True).values():
                found += Measured(stream, shape.context, self.tokens).held(ROWS)
        if not found:
            raise DataError("the tokens have no held-out part", hint="held = 0.05 in the pack step")
        return found


def _read(item: Artifact) -> tuple[Shape, dict[int, Path]]:
    """Give a base model's shape and its checkpoints.

    Raises:
        DataError: it is none, or keeps fewer than two.
    """
    folders = {int(path.name[5:]): path for path in sorted((item.path / "checkpoints").glob("step-????????"))}
    if Card.read(item.path).use != "pretrain" or len(folders) < 2:
        hint = 'it reads pretrain steps with checkpoints = { every = "decades" }'
        raise DataError(f"{item.path.name} keeps no checkpoints to look at", hint=hint)
    return read_config(item.path), folders


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _plain(course: Course) -> dict[str, object]:
    """Give it as JSON."""
    at = [{"step": step, **asdict(found)} for step, found in course.at.items()]
    return {"name": course.name, "activation": course.shape.activation, "checkpoints": at}


def _blocks(courses: Sequence[Course], faint: float) -> list[blocks.Block]:
    figures, found = list[blocks.Figure](), list[blocks.Block]()
    for course in courses:
        first = course.at[min(course.at)]
        caption = f"of the activations at the end; {_mean(first.quiet):.0%} before the first step"
        figures.append(blocks.Figure(f"quiet, {course.name}", f"{_mean(course.last.quiet):.0%}", caption=caption))
        if any(course.last.zeros):
            caption = f"of the activations at the end; {_mean(first.zeros):.0%} before the first step"
            figures.append(blocks.Figure(f"zero, {course.name}", f"{_mean(course.last.zeros):.0%}", caption=caption))
    found.append(blocks.Numbers("Activations that do nothing", tuple(figures)))
    for course in courses:
        found.append(
            _curve(course, f"Quiet activations, {course.name}", "quiet", f"the faintest {faint:.0%} of the squares")
        )
        if any(course.last.zeros):
            found.append(_curve(course, f"Zero activations, {course.name}", "zeros", "exactly zero"))
    found.append(_table(courses))
    return found


def _curve(course: Course, title: str, key: str, note: str) -> blocks.Curve:
    steps = sorted(course.at)
    x = tuple(step or AT_FIRST for step in steps)
    lines = [
        blocks.Line(f"layer {layer + 1}", x, tuple(round(getattr(course.at[step], key)[layer], 4) for step in steps))
        for layer in range(course.shape.layers)
    ]
    if 0 in course.at:
        note += "; the weights of the start stand at step 0.5"
    return blocks.Curve(title, tuple(lines), "step", "share of the activations", x_log=True, note=note)


def _table(courses: Sequence[Course]) -> blocks.Table:
    rows: list[tuple[blocks.Cell, ...]] = []
    for course in courses:
        for step, found in sorted(course.at.items()):
            zeros, quiet = (", ".join(f"{share:.1%}" for share in each) for each in (found.zeros, found.quiet))
            rows.append((course.name, step, round(found.loss, 3), quiet, zeros if any(found.zeros) else "none"))
    columns = ("training", "step", "held-out loss", "quiet, by layer", "zero, by layer")
    return blocks.Table("By checkpoint", columns, tuple(rows))
