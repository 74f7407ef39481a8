"""Double descent: watch the test error rise to where a model just knows its training set by heart, and fall again."""

import json
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.phenomena.double_descent import Errors, Features, sweep
from lmloop.kernels.scaling.single import one_thread
from lmloop.report import blocks

ERRORS = "errors.json"


class DoubleDescent(Step):
    """Fit random features of ever larger width to ``points`` noisy points, and test them on others.

    Points have ``inputs`` numbers each and an answer with ``noise``; ``widths`` sizes are tried up to ``widest``
    features, ``repeats`` times each. The same is done with a ``ridge``, to compare.
    """

    makes: ClassVar[Kind] = "scores"
    needs_input: ClassVar[bool] = False

    points: Annotated[int, Field(ge=4, le=2000)] = 100
    inputs: Annotated[int, Field(ge=1, le=1000)] = 20
    noise: Annotated[float, Field(ge=0)] = 0.2
    widths: Annotated[int, Field(ge=3, le=500)] = 50
    widest: Annotated[int, Field(ge=10, le=20000)] = 1000
    repeats: Annotated[int, Field(ge=1)] = 20
    ridge: Annotated[float, Field(gt=0)] = 0.01

    @classmethod
    def example(cls) -> "DoubleDescent":
        """Give one that is over at once."""
        return cls(points=10, widths=4, widest=30, repeats=2)

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Fit all widths without a ridge and with it, and draw both."""
        features = Features(self.points, self.inputs, self.noise, self.repeats, context.seed)
        widths = np.unique(np.geomspace(4, self.widest, self.widths).astype(np.int64))
        # the width that just fits every point is the one to look at
        widths = np.union1d(widths, [self.points]) if self.points <= self.widest else widths
        with one_thread():
            plain, ridged = (sweep(features, widths, ridge) for ridge in (0.0, self.ridge))
        names = ("widths", "train", "test", "low", "high")
        kept = {
            name: {each: getattr(side, each).tolist() for each in names}
            for name, side in (("plain", plain), ("ridge", ridged))
        }
        (out / ERRORS).write_text(json.dumps(kept) + "\n")
        peak = int(plain.test.argmax())
        blocks.write(out / BLOCKS, _blocks(plain, ridged, peak, self.points))
        return {"peak": int(widths[peak]), "error_at_peak": float(plain.test[peak]), "widest": float(plain.test[-1])}


def _blocks(plain: Errors, ridged: Errors, peak: int, points: int) -> list[blocks.Block]:
    before = float(plain.test[: peak + 1].min())
    figures = (
        blocks.Figure("peak at", int(plain.widths[peak]), "features", caption=f"{points} points to train on"),
        blocks.Figure("error there", round(float(plain.test[peak]), 3)),
        blocks.Figure("least before it", round(before, 3), caption="where a textbook would stop"),
        blocks.Figure("at the widest", round(float(plain.test[-1]), 3), caption=f"{int(plain.widths[-1]):,} features"),
    )
    x = tuple(int(width) for width in plain.widths)
    lines = (
        blocks.Line("test", x, tuple(plain.test.tolist()), tuple(plain.low.tolist()), tuple(plain.high.tolist())),
        blocks.Line("training", x, tuple(max(value, 1e-4) for value in plain.train.tolist())),
        blocks.Line("test, with a ridge", x, tuple(ridged.test.tolist())),
    )
    note = "Error falls, peaks where features and points are as many, and falls again; a ridge takes the peak away."
    curve = blocks.Curve("Error by width", lines, "features", "mean squared error", x_log=True, y_log=True, note=note)
    return [blocks.Numbers("Down, up, and down again", figures), curve]
