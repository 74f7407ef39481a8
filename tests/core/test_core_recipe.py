"""A recipe is checked whole before anything runs."""

from pathlib import Path

import pytest

from lmloop.core.errors import LmloopError, RecipeError
from lmloop.core.recipe import Recipe

BASE = """
name = "base"
seed = 7

[[step]]
id = "raw"
use = "ingest"
reader = { use = "text", files = ["notes"] }

[[step]]
id = "clean"
use = "curate"
from = ["raw"]
ops = ["unicode", { use = "length", min_characters = 12 }]

[[step]]
id = "page"
use = "report"
from = ["clean"]
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.toml"
    path.write_text(BASE, encoding="utf-8")
    return path


def clean(recipe: Recipe) -> dict[str, object]:
    return next(wired.step for wired in recipe.steps if wired.id == "clean").spec()


def test_a_recipe_is_steps_and_wires(base: Path) -> None:
    recipe = Recipe.read(base)
    assert (recipe.name, recipe.seed, recipe.folder) == ("base", 7, base.parent)
    assert [(wired.id, wired.wires) for wired in recipe.steps] == [
        ("raw", ()),
        ("clean", ("raw",)),
        ("page", ("clean",)),
    ]
    assert [wired.id for wired in recipe.upto("clean").steps] == ["raw", "clean"]
    with pytest.raises(RecipeError, match="no step 'cleen'") as wrong:
        recipe.upto("cleen")
    assert "clean" in wrong.value.hint


def test_sets_go_where_they_say(base: Path) -> None:
    sets = ["seed=3", "clean.ops.length.min_characters=20", "clean.dropped=all", "clean.ops.unicode.form=NFKC"]
    recipe = Recipe.read(base, sets)
    assert recipe.seed == 3
    spec = clean(recipe)
    assert spec["dropped"] == "all"
    assert spec["ops"] == [
        {"use": "unicode", "form": "NFKC"},
        {**spec["ops"][1], "use": "length", "min_characters": 20},  # type: ignore[index]
    ]
    assert clean(Recipe.read(base, ['clean.ops=["exact"]']))["ops"] == [
        clean(Recipe.read(base, ['clean.ops=[{use="exact"}]']))["ops"][0]  # type: ignore[index]
    ]


def test_a_child_lies_over_its_parent(base: Path) -> None:
    child = base.with_name("child.toml")
    child.write_text('extends = "base.toml"\nseed = 9\n[[step]]\nid = "clean"\ndropped = "none"\n', encoding="utf-8")
    recipe = Recipe.read(child)
    assert (recipe.name, recipe.seed, len(recipe.steps)) == ("base", 9, 3)
    assert clean(recipe)["dropped"] == "none"
    assert clean(recipe)["ops"] == clean(Recipe.read(base))["ops"]
    child.write_text('extends = "child.toml"\n', encoding="utf-8")
    with pytest.raises(RecipeError, match="extends itself"):
        Recipe.read(child)


def test_defaults_of_a_stage_lie_under_each_of_its_steps(base: Path) -> None:
    plain = base.read_text(encoding="utf-8")
    base.write_text(plain + '[defaults.curate]\ndropped = "none"\nops = ["exact"]\n', encoding="utf-8")
    without = base.with_name("without.toml")
    without.write_text(plain.replace('from = ["raw"]', 'from = ["raw"]\ndropped = "none"'), encoding="utf-8")
    assert clean(Recipe.read(base)) == clean(Recipe.read(without))
    general = ["defaults.curate.dropped=all"]
    assert clean(Recipe.read(base, general))["dropped"] == "all"
    assert clean(Recipe.read(base, [*general, "clean.dropped=sample"]))["dropped"] == "sample"
    with pytest.raises(RecipeError, match="a table for a stage"):
        Recipe.read(base, ["defaults=3"])
    child = base.with_name("child.toml")
    child.write_text('extends = "base.toml"\n[defaults.curate]\ndropped = "all"\n', encoding="utf-8")
    assert clean(Recipe.read(child))["dropped"] == "all"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[defaults.curat]\ndropped = "none"', "no step uses 'curat'"),
        ('[defaults.curate]\nfrom = ["raw"]', "from belongs to each step"),
        ("[defaults]\ncurate = 3", "a table for a stage"),
        ("[defaults.curate]\nopps = []", "opps"),
    ],
)
def test_wrong_defaults_are_refused(base: Path, table: str, message: str) -> None:
    base.write_text(f"{base.read_text(encoding='utf-8')}\n{table}\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=message):
        Recipe.read(base)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("seed = 7", "sed = 7", "unknown key 'sed' at the top"),
        ("seed = 7", "seed = -1", "seed must be a whole number from 0"),
        ("seed = 7", "seed = true", "seed must be a whole number from 0"),
        ("seed = 7", "seed = ", "is not valid TOML"),
        ("seed = 7", "format = 2", "recipe format 2 is not known"),
        ('id = "clean"', "", "each step needs an id"),
        ('id = "clean"', 'id = "raw"', "two steps are called 'raw'"),
        ('from = ["raw"]', 'from = "raw"', "from takes a list of step names"),
        ('from = ["raw"]', "", "reads records, but has no inputs"),
        ('from = ["raw"]', 'from = ["page"]', "reads 'page', which no earlier step makes"),
        ('from = ["raw"]', 'from = ["log:vote"]', "reads records, but 'log:vote' makes log"),
        ('use = "curate"\nfrom = ["raw"]\nops', 'use = "pack"\nfrom = ["raw"]\n# ops', "needs tokenizer, too"),
        ('use = "curate"', 'use = "curat"', "there is no stage called 'curat'"),
        ('"unicode"', '"unicod"', "there is no op called 'unicod'"),
        ("min_characters = 12", "min = 12", "unknown setting 'min'"),
        ("[[step]]\nid", "[step]\nid", "is not valid TOML"),
    ],
)
def test_a_mistake_is_one_message(base: Path, before: str, after: str, message: str) -> None:
    assert before in BASE
    base.write_text(BASE.replace(before, after), encoding="utf-8")
    with pytest.raises(LmloopError) as wrong:
        Recipe.read(base)
    assert message in wrong.value.message


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("clean", "cannot read --set"),
        ("cleen.dropped=all", "no step 'cleen'"),
        ("clean.ops.lenth.min_characters=3", "no part 'lenth' in the list"),
        ("seed.more=3", "no step 'seed'"),
        ("clean.dropped.more.yet=3", "unknown setting|dropped"),
    ],
)
def test_a_wrong_set_is_one_message(base: Path, item: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Recipe.read(base, [item])


def test_nothing_but_a_recipe_is_read(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no recipe"):
        Recipe.read(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match="cannot read the recipe"):
        Recipe.read(tmp_path / "binary.toml")
    with pytest.raises(RecipeError, match="the recipe has no steps"):
        Recipe.check({})
    with pytest.raises(RecipeError, match=r"steps are written \[\[step\]\]"):
        Recipe.check({"step": {"id": "raw"}})
