"""Scale: fit scaling laws to a table or a ladder of runs, and say what a bigger run would reach."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from lmloop.core.errors import DataError
from lmloop.core.outside import OutsideFile
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.scaling.numbers import Row
from lmloop.kernels.scaling.saved import FIT
from lmloop.kernels.scaling.table import points_of, read_rows
from lmloop.report import blocks
from lmloop.stages.scale.asked import Asked
from lmloop.stages.scale.ladder import rows_of
from lmloop.stages.scale.showing import facts, metrics, show
from lmloop.stages.scale.study import compared, drop, study

EXAMPLE = Path(__file__).with_name("example.csv")


class Scale(Step):
    """Fit L = E + A / N^alpha + B / D^beta to finished runs, and question the fit.

    The runs are its inputs (base models), or the rows of ``table``: CSV, TSV, JSON, JSON Lines or Parquet, with columns
    for two of parameters N, tokens D and FLOPs C = 6ND, and for the loss. ``columns`` says which is which where
    their names do not: ``{ params = "Model Size", loss = "final" }``. A unit may stand behind a number (1.3B, 13亿) or
    a name (``tokens (B)``); what cannot be in the unit that it says is refused. ``only`` keeps the rows that have these
    values in these columns. ``count`` says which parameters N counts: ``total``, or ``non-embedding``.

    What is left out is never silent: ``drop_highest`` drops so many runs with the highest losses, ``drop_off`` those
    that lie more than so many robust standard deviations off a first fit; each is listed, and so is what cannot be
    read. ``draws`` is the number of bootstrap refits behind each interval.

    ``predict`` lists what to foretell: ``{ params = "7B", tokens = "1T" }``, or ``{ flops = 1e22 }`` for the best run
    of that budget. The best size is refused, with the run that would help most, where the exponents are not known.

    ``compare`` names a column that tells apart data sets or optimizers: they are fitted together with shared
    exponents, and those of E, A and B that ``own`` names are each one's own.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("weights",)
    makes: ClassVar[Kind] = "scores"
    needs_input: ClassVar[bool] = False
    version: ClassVar[int] = 2

    table: OutsideFile | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    only: dict[str, str | int | float | bool] = Field(default_factory=dict)
    count: Literal["total", "non-embedding"] = "total"
    drop_highest: Annotated[int, Field(ge=0)] = 0
    drop_off: Annotated[float, Field(gt=0)] | None = None
    draws: Annotated[int, Field(ge=50, le=20000)] = 500
    predict: list[Asked] = Field(default_factory=list)
    compare: str = ""
    own: Literal["AB", "EAB", "A", "B", "E", "EA", "EB"] = "AB"

    @classmethod
    def example(cls) -> "Scale":
        """Give one that fits a small made-up table."""
        return cls.model_validate({"table": str(EXAMPLE), "draws": 50})

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Fit, and leave ``fit.json`` and what a person should see."""
        points, unusable = points_of(self._rows(inputs), self.columns, self.count, self.compare)
        used, dropped = drop(points, self.drop_highest, self.drop_off)
        found = study(used, self.draws, context.seed, self.predict, unusable)
        sides = compared(used, self.own, self.draws, context.seed) if self.compare else ()
        found = replace(found, dropped=tuple(dropped), sides=tuple(sides))
        found.saved.write(out / FIT, facts(found))
        blocks.write(out / BLOCKS, show(found, self.count))
        return metrics(found)

    def _rows(self, inputs: list[Artifact]) -> list[Row]:
        if (self.table is not None) == bool(inputs):
            hint = 'from = [...] names base models; table = "runs.csv" names a file'
            raise DataError("a scale step reads either a table or base models", hint=hint)
        rows = read_rows(self.table.path) if self.table is not None else rows_of(inputs)
        for column, value in self.only.items():
            if column not in rows[0]:
                raise DataError(f"the table has no column {column!r}", hint=f"there are: {', '.join(rows[0])}")
            rows = [row for row in rows if str(row[column]) == str(value)]
            if not rows:
                raise DataError(f"no row has {column} = {value!r}")
        return rows
