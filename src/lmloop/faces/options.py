"""Options that several verbs have."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from lmloop.faces.recipes import shipped
from lmloop.faces.verb import bundled

if TYPE_CHECKING:
    from lmloop.core.step import EngineName

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]I?)?B?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use, and how much it says. None of it changes the results."""

    workers: int | None
    memory: int
    engine: "EngineName"
    quiet: bool


class Size(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2 only
    """An amount of memory: ``2GB``, ``512MiB`` or a number of bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the amount in bytes."""
        if isinstance(value, int):
            return value
        match = SIZE.fullmatch(value.strip())
        if not match:
            self.fail(f"{value!r} is not an amount of memory: write 2GB or 512MB", param, ctx)
        return int(float(match[1]) * UNITS[(match[2] or "").upper()])


def complete_run(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the finished runs and their steps, behind ``run:`` where one has begun so."""
    home = ctx.params.get("home") or Path("runs")
    begun = "run:" if incomplete.startswith("run:") else ""
    steps = {folder.rpartition("-")[0] for folder in _folders(home)}
    known = [f"{begun}{name}" for name in sorted({*_folders(home), *steps} - {""})]
    return [CompletionItem(name) for name in known if name.startswith(incomplete)]


def complete_recipe(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer recipe files and the recipes that come with lmloop."""
    here = [path.as_posix() for path in sorted(Path(incomplete).parent.glob("*.toml"))]
    ours = [CompletionItem(name) for name in [*shipped(), *here] if name.startswith(incomplete)]
    return ours or [CompletionItem(incomplete, type="file")]


def _folders(home: Path) -> Iterator[str]:
    yield from sorted(path.parent.name for path in home.glob("*/run.json"))


HOME = click.option(
    "--home",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of the runs.",
)
SETS = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="STEP.SETTING=VALUE",
    help="Set a setting for this time: clean.dropped=all, clean.ops.minhash.bands=20, seed=3.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
UNMASK = click.option("--unmask", is_flag=True, help="Show personal data that a run masks in its report.")
RECIPE = click.argument("recipe", shell_complete=complete_recipe)
LIMITS = bundled(
    "limits",
    Limits,
    click.option("--workers", type=click.IntRange(1), metavar="N", help="Worker processes.  [default: all cores]"),
    click.option("--memory", type=Size(), default="2GB", show_default=True, help="Memory for all workers together."),
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="Where the workers run: processes of this machine, or a Ray cluster (the one in RAY_ADDRESS, or its own).",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing; print only the folder of the last step."),
)
