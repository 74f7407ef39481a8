"""Recipes by name: those that come with lmloop."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lmloop.core.errors import RecipeError, closest

if TYPE_CHECKING:
    from lmloop.core.recipe import Recipe

PACKAGE = Path(__file__).resolve().parents[1]
PLACES = (PACKAGE / "recipes", PACKAGE.parents[1] / "recipes")
"""Where recipes lie: in an installed package, and in a checkout."""


def shipped() -> dict[str, Path]:
    """List the recipes that come with lmloop, by name."""
    return {path.stem: path for place in reversed(PLACES) for path in sorted(place.glob("*.toml"))}


def find_recipe(name: str) -> Path:
    """Find a recipe: a file, or the name of one that comes with lmloop.

    Raises:
        RecipeError: there is none.
    """
    path = Path(name)
    if path.is_file():
        return path
    ours = shipped()
    if name in ours:
        return ours[name]
    if path.is_dir():
        raise RecipeError(f"{name} is a folder, not a recipe", hint="name the .toml file in it")
    here = [found.as_posix() for found in sorted(path.parent.glob("*.toml"))]
    hint = closest(name, [*ours, *here]) or 'a recipe is a TOML file with [[step]] tables; "lmloop curate" needs none'
    raise RecipeError(f"there is no recipe {name!r}", hint=hint)


def read_recipe(name: str, sets: Sequence[str] = ()) -> "Recipe":
    """Read and check a recipe; in one that comes with lmloop, relative paths start at the current folder.

    Raises:
        RecipeError: there is none, or it is wrong.
    """
    from lmloop.core.recipe import Recipe

    path = find_recipe(name)
    return Recipe.read(path, sets, Path.cwd() if path in shipped().values() else None)


def first_words(path: Path) -> str:
    """Give the comment at the head of a recipe: what it is for."""
    with path.open(encoding="utf-8") as lines:
        line = next(lines, "").strip()
    return line.lstrip("# ") if line.startswith("#") else ""
