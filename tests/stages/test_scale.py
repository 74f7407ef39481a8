import json
from pathlib import Path

import numpy as np
import pytest

from lmloop import run
from lmloop.core.errors import LmloopError
from lmloop.core.step import BLOCKS
from lmloop.report import blocks
from lmloop.stages.scale import EXAMPLE, Scale
from lmloop.testing import check_step


def recipe(table: Path, **settings: object) -> dict[str, object]:
    law = {"id": "law", "use": "scale", "table": str(table), "draws": 60, **settings}
    return {"name": "t", "step": [law, {"id": "page", "use": "report", "from": ["law"]}]}


def fit_of(home: Path, table: Path, **settings: object) -> dict[str, object]:
    return json.loads((run(recipe(table, **settings), home=home)["law"].path / "fit.json").read_text())


def test_passes_the_battery():
    check_step(Scale.example())


def test_a_table_becomes_a_law_a_prediction_and_a_page(tmp_path):
    asked = [{"params": "70B", "tokens": "1.4T"}, {"flops": 1e22}]
    done = run(recipe(EXAMPLE, predict=asked), home=tmp_path)
    found = json.loads((done["law"].path / "fit.json").read_text())
    assert found["intervals"]["alpha"][0] < 0.3478 < found["intervals"]["alpha"][1]
    page = (done["page"].path / "report.html").read_text()
    for words in ("Where the loss is the same", "What to expect", "Back-test", "The exponent, three ways", "70B"):
        assert words in page


def test_a_best_size_is_refused_where_the_exponents_are_not_known(tmp_path):
    table = tmp_path / "runs.csv"
    rows = [f"{n}e7,1e9,{3 - n / 10 + k / 100}" for n in range(1, 7) for k in range(2)]
    table.write_text("n,d,loss\n" + "\n".join(rows))
    done = run(recipe(table, predict=[{"flops": 1e20}]), home=tmp_path / "runs")
    page = (done["page"].path / "report.html").read_text()
    assert "the best size cannot be told" in page
    assert "all runs have the same D" in page
    assert "most telling next run" in page
    assert "best possible" not in page


def test_budgets_with_several_sizes_are_drawn(tmp_path):
    table = tmp_path / "runs.csv"
    rows = [
        f"{n:.6g},{c:.6g},{1.8 + 480 / n**0.35 + 2000 / (c / 6 / n) ** 0.37:.6f}"
        for c in (1e18, 1e19, 1e20, 1e21, 1e22)
        for n in np.geomspace(0.2, 5, 7) * 0.07 * c**0.5
    ]
    table.write_text("n,flops,loss\n" + "\n".join(rows))
    done = run(recipe(table), home=tmp_path / "runs")["law"]
    drawn = next(block for block in blocks.read(done.path / BLOCKS) if block.title == "One budget, many sizes")
    assert [line.name for line in drawn.lines] == [
        "1e+18 FLOPs",
        "1e+19 FLOPs",
        "1e+21 FLOPs",
        "1e+22 FLOPs",
        "runs",
        "lowest",
    ]
    assert len(drawn.lines[4].x) == 4 * 7
    for parabola, n, loss in zip(drawn.lines[:4], drawn.lines[5].x, drawn.lines[5].y, strict=True):
        assert parabola.x[0] < n < parabola.x[-1]
        assert loss == pytest.approx(min(parabola.y), rel=1e-3)
    assert "4 of 5 budgets" in drawn.note


def test_what_is_dropped_is_listed(tmp_path):
    table = tmp_path / "runs.csv"
    table.write_text(EXAMPLE.read_text() + "1e8,1e10,9.5\n2e8,oops,3\n")
    assert fit_of(tmp_path / "a", table)["unusable"] == {"tokens is no number": 1}
    found = fit_of(tmp_path / "b", table, drop_highest=1)
    assert [row[2:] for row in found["dropped"]] == [[9.5, "among the 1 highest losses"]]
    found = fit_of(tmp_path / "c", table, drop_off=20.0)
    assert [row[2] for row in found["dropped"]] == [9.5]


def test_sides_are_compared(tmp_path):
    rows = [line.split(",") for line in EXAMPLE.read_text().split()[1:]]
    both = [f"{n},{d},{y},adamw" for n, d, y in rows] + [f"{n},{float(d) / 2},{y},muon" for n, d, y in rows]
    table = tmp_path / "runs.csv"
    table.write_text("n,d,loss,optimizer\n" + "\n".join(both))
    worth = fit_of(tmp_path / "runs", table, compare="optimizer")["worth"]
    assert worth["adamw"] == [1, 1]
    assert worth["muon"][1] == pytest.approx(2, rel=0.1)
    only = fit_of(tmp_path / "runs", table, only={"optimizer": "adamw"})
    assert len(only["points"]["loss"]) == len(rows)


def test_what_is_asked_must_make_sense(tmp_path):
    for asked in ({"params": 1e9}, {"params": 1e9, "tokens": 1e9, "flops": 1e18}, {"flops": "much"}, {"flops": -1}, {}):
        with pytest.raises(Exception, match=r"predict\.0"):
            run(recipe(EXAMPLE, predict=[asked]), home=tmp_path)
    with pytest.raises(LmloopError, match="either a table or base models"):
        run({"name": "t", "step": [{"id": "law", "use": "scale"}]}, home=tmp_path)
    with pytest.raises(LmloopError, match="no row has loss"):
        run(recipe(EXAMPLE, only={"loss": 77}), home=tmp_path)
