import tomllib

import pytest

from lmloop.core.errors import RecipeError
from lmloop.core.recipe import Recipe
from lmloop.faces.ladder import SPAN, Ground, plan, recipe, seconds_of


def measure(shape):
    return 3e9 / shape.parameters


@pytest.mark.parametrize(("budget", "seconds"), [("2h@cpu", 7200), ("30min", 1800), ("1.5d@gpu", 129600), ("90 s", 90)])
def test_budgets(budget, seconds):
    assert seconds_of(budget) == seconds


@pytest.mark.parametrize("budget", ["", "2", "h", "-2h", "0s", "2h@tpu"])
def test_what_is_no_budget(budget):
    with pytest.raises(RecipeError, match="is no budget"):
        seconds_of(budget)


@pytest.mark.parametrize("seconds", [1800, 86400])
def test_a_ladder_spans_a_decade_and_a_half_of_both_and_costs_what_it_may(seconds):
    cells = plan(seconds, Ground(), measure)
    sizes, amounts = {cell.params for cell in cells}, {cell.tokens for cell in cells}
    assert len(sizes) >= 4
    assert max(sizes) / min(sizes) >= SPAN
    assert max(amounts) / min(amounts) > 0.9 * SPAN
    assert len(cells) == 4 * len(sizes)
    assert sum(cell.seconds for cell in cells) == pytest.approx(seconds, rel=0.05)


def test_more_time_gives_larger_models():
    small, large = (plan(seconds, Ground(), measure) for seconds in (1800, 10**7))
    assert max(cell.params for cell in large) > max(cell.params for cell in small)
    with pytest.raises(RecipeError, match="too few for a ladder"):
        plan(1, Ground(), measure)


def test_the_recipe_is_right_and_branches_leave_from_checkpoints():
    cells = plan(1800, Ground(), measure)
    text = recipe(cells, Ground(), "30min@cpu")
    checked = Recipe.check(tomllib.loads(text))
    assert [wired.id for wired in checked.steps][-2:] == ["law", "report"]
    steps = {row["id"]: row for row in tomllib.loads(text)["step"]}
    for cell in cells:
        row = steps[cell.name]
        assert row["batch"] == cell.batch
        if cell.branch is None:
            assert row["tokens"] == cell.tokens
            continue
        trunk = steps[row["from"][1]]
        assert row["branch"] % trunk["checkpoints"]["every"] == 0
        assert row["tokens"] + row["branch"] * row["batch"] == cell.tokens
        last = trunk["tokens"] // trunk["batch"]
        assert last // trunk["checkpoints"]["every"] <= trunk["checkpoints"]["keep"]
        # it leaves while the trunk's rate is flat
        assert row["branch"] <= last * (1 - trunk["schedule"]["decay"])
