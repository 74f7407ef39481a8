"""Leaderboard: scores of several models as one page, with what is chance and what is not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, NonNegativeInt

from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.progress import Progress
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.report import blocks, board
from lmloop.report.packed import pack
from lmloop.stages.leaderboard import exporting
from lmloop.stages.leaderboard.beside import tell_beside
from lmloop.stages.leaderboard.choosing import samples
from lmloop.stages.leaderboard.contamination import clean_scores
from lmloop.stages.leaderboard.gathering import Board, gather
from lmloop.stages.leaderboard.seeing import show
from lmloop.stages.leaderboard.suites import tell_suites
from lmloop.stages.leaderboard.telling import tell

PAGE = "report.html"
FILES = ("board.json", "board.csv", "board.md")


class Leaderboard(Step):
    """Draw a leaderboard of all scores that are read: models by tasks, with intervals, ranks and paired tests.

    Each task has a column for each way in which it was asked (shots, template, data, ...). All pairs of models are
    compared item by item, with Holm's correction; a rank is the interval that the comparisons leave. Of models whose
    training data was made here, each score is given without the questions that stand in it, too (``contamination``).
    The page holds up to ``samples`` questions of each task with all replies; ``lmloop board`` shows them all.
    With ``commercial``, data whose licence forbids commerce is refused. ``title`` stands at the top. ``suites`` names
    those whose averages are given, as their published leaderboards compute them; else all that are complete. Scores of
    an arena or of certainty have no questions in common: they stand beside the table, each in one of its own.
    """

    version: ClassVar[int] = 2
    takes: ClassVar[tuple[Kind, ...]] = ("scores",)
    makes: ClassVar[Kind] = "report"

    title: str = "Leaderboard"
    samples: NonNegativeInt = 60
    contamination: bool = True
    commercial: bool = Field(default=False)
    suites: list[str] = []

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Compare, and write the page and the files."""
        found = gather([item.path for item in inputs])
        self._check_licences(found)
        data = told(found, context.progress, self.contamination, self.suites)
        for name in FILES:
            exporting.write(data, out / name)
        page = page_of(self.title, found, data, self.samples)
        with draft(out / PAGE) as place:
            place.write_text(page, encoding="utf-8")
        blocks.write(out / BLOCKS, show(data))
        return {"models": len(found.models), "tasks": len(found.columns), "bytes": len(page.encode())}

    def _check_licences(self, found: Board) -> None:
        if not self.commercial:
            return
        for column in found.columns:
            if column.asked.data.get("commercial") is False:
                raise DataError(
                    f"the data of {column.name!r} is not for commerce: {column.asked.data['licence']}",
                    hint="leave the task out, or commercial = false",
                )


def told(found: Board, progress: Progress, contamination: bool = True, suites: Sequence[str] = ()) -> dict[str, Any]:
    """Tell all of a board but its items."""
    data = tell(found, clean_scores(found, progress) if contamination else {})
    return {**data, "suites": tell_suites(found, suites), "beside": tell_beside(found)}


def page_of(title: str, found: Board, data: dict[str, Any], count: int) -> str:
    """Draw the page that needs no server: with some items of each column in it."""
    items = {column.name: pack(samples(found, column.name, count)) for column in found.columns}
    return board.render(title, {**data, "samples": items, "sampled": count})
