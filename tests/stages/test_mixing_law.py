"""Trainings on several mixtures of two sources: shares, losses, the law, and what it foretells."""

import json

import pytest
from phenomena_ground import packed, trained

from lmloop import run
from lmloop.core.errors import LmloopError

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def steps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rate = {"learning_rate": 0.01}
    runs = [
        trained(f"m{n}", 24, mixture={"prose": 3 * (1 - x), "numbers": 3 * x}, optimizer=rate)
        for n, x in enumerate(SHARES)
    ]
    look = {"id": "law", "use": "mixing-law", "from": [each["id"] for each in runs]}
    return [*packed(tmp_path), *runs, look, {"id": "page", "use": "report", "from": ["law"]}]


def test_the_loss_on_a_source_falls_with_its_share_and_is_foretold_from_the_others(steps, tmp_path):
    done = run({"name": "t", "step": steps}, home=tmp_path / "runs", workers=1)
    told = json.loads((done["law"].path / "mixtures.json").read_text())
    assert told["sources"] == ["numbers", "prose"]
    assert [row["shares"] for row in told["trainings"]] == [[x, 1 - x] for x in SHARES]
    numbers = [row["losses"][0] for row in told["trainings"]]
    assert numbers[0] > numbers[2] > numbers[4]
    assert told["trainings"][1]["losses"][1] == pytest.approx(done["m1"].card.metrics["loss/prose"])
    metrics = done["law"].card.metrics
    assert metrics["best/numbers"] + metrics["best/prose"] == pytest.approx(1)
    misses = [abs(row["foretold"][0] - row["losses"][0]) for row in told["trainings"][1:4]]
    assert metrics["miss/numbers"] == pytest.approx(sum(misses) / 3, abs=1e-3)
    page = (done["page"].path / "report.html").read_text()
    assert "Loss on numbers" in page
    assert "foretold by the others" in page


def test_a_training_without_shares_is_told(steps, tmp_path):
    whole = [step for step in steps if step["id"] not in ("m1", "m2", "m3", "m4", "page")]
    whole[-1]["from"] = ["m0"]
    for mixture, told in (({}, "does not name"), ({"prose": [(0.0, 1.0)], "numbers": 1.0}, "no mixture of several")):
        whole[-2] |= {"mixture": mixture, "tokens": 128}
        with pytest.raises(LmloopError, match=told):
            run({"name": "t", "step": whole}, home=tmp_path / "runs", workers=1)


def test_too_few_trainings_are_told(steps, tmp_path):
    whole = [step for step in steps if step["id"] not in ("m2", "m3", "m4", "page")]
    whole[-1]["from"] = ["m0", "m1"]
    with pytest.raises(LmloopError, match="2 trainings are too few for 2 sources"):
        run({"name": "t", "step": whole}, home=tmp_path / "runs", workers=1)
