import json

import pytest

pytest.importorskip("torch")

from lmloop.core.errors import LmloopError
from lmloop.core.part import build
from lmloop.core.step import Context
from lmloop.nn import dialect_training
from lmloop.nn.dialects import Dialects
from lmloop.stages.adapter_study import AdapterStudy
from lmloop.stages.adapter_study.arms import LORA, Arm, arms_of, equal, lora
from lmloop.stages.adapter_study.results import Run, best, difference
from lmloop.testing import check_step

WORLD = Dialects(things=16, count=8, seed=0)
SHAPE = dialect_training.shape_of(WORLD, 4)


def count(spec):
    return dialect_training.trained_weights(SHAPE, spec)


def test_passes_the_battery():
    check_step(AdapterStudy.example())


@pytest.mark.parametrize("study", ["conflict", "layers", "softness", "forgetting"])
def test_a_lora_beside_a_mixture_trains_as_many_weights(study):
    arms = arms_of(study, 2, count)
    for dialects in {arm.dialects for arm in arms}:
        same = [arm for arm in arms if arm.dialects == dialects]
        sizes = {arm.name: count(arm.method) for arm in same}
        one_rank = count({**same[0].method, "rank": 2, "alpha": 4.0}) - count(
            {**same[0].method, "rank": 1, "alpha": 2.0}
        )
        assert LORA in sizes
        for size in sizes.values():
            assert abs(size - sizes[LORA]) <= one_rank


def test_patterns_have_the_same_total():
    sizes = {count(arm.method) for arm in arms_of("layers", 2, count) if arm.name != LORA}
    assert len(sizes) == 1


def test_the_nearest_size_is_taken():
    assert equal(100, lora, lambda spec: 30 * spec["rank"])["rank"] == 3
    assert equal(106, lora, lambda spec: 30 * spec["rank"])["rank"] == 4
    assert equal(1, lora, lambda spec: 30 * spec["rank"])["rank"] == 1


def test_layers_that_no_pattern_divides_are_refused():
    with pytest.raises(LmloopError, match="depth"):
        build("stages", {"use": "adapter-study", "study": "layers", "depth": 2})


def test_dialects_disagree_and_the_base_keeps_its_own():
    first, second = WORLD.names(0), WORLD.names(1)
    assert (first[0] == second[0]).all()
    assert (first[1:] != second[1:]).any()
    for names in first:
        assert sorted(names) == list(range(16, 32))


def test_what_was_trained_is_not_trained_again_and_gives_the_same_bytes(tmp_path, monkeypatch):
    step, done = AdapterStudy.example(), []
    learn = dialect_training.learn
    for folder in ("whole", "killed"):
        (tmp_path / folder).mkdir()
    step.run([], tmp_path / "whole", Context())

    def dies(training):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(training.name)
        return learn(training)

    monkeypatch.setattr(dialect_training, "learn", dies)
    with pytest.raises(KeyboardInterrupt):
        step.run([], tmp_path / "killed", Context())

    again = []
    monkeypatch.setattr(dialect_training, "learn", lambda training: again.append(training.name) or learn(training))
    step.run([], tmp_path / "killed", Context())
    assert not set(done) & set(again)
    rows = (tmp_path / "whole" / "courses.jsonl").read_bytes()
    assert len(done) + len(again) == len(rows.splitlines())
    for name in ("courses.jsonl", "blocks.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_an_adapter_learns_a_dialect_that_its_base_does_not_know(tmp_path):
    step = AdapterStudy(study="balance", dialects=1, things=8, depth=1, steps=120, rows=32, repeats=2)
    step.run([], tmp_path, Context())
    courses = [json.loads(line) for line in (tmp_path / "courses.jsonl").read_text().splitlines()]
    assert len(courses) == 6
    for course in courses:
        assert course["kept"][0] == 1.0
        assert course["right"][0] < 0.5
        assert course["right"][-1] > 0.9
        assert 1 / 8 <= course["load"][-1] <= 1


def test_an_arm_is_shown_at_its_best_rate():
    arm = Arm("a", {}, 1)
    runs = [Run(arm, rate, n, {"right": [value]}) for rate, value in ((0.1, 0.3), (0.2, 0.6)) for n in range(2)]
    assert [result.rate for result in best(runs)] == [0.2]


def test_differences_are_paired():
    high, low = (
        best([Run(Arm(name, {}, 1), 0.1, n, {"right": [value + n / 2]}) for n in range(2)])[0]
        for name, value in (("a", 0.25), ("b", 0.0))
    )
    assert difference(high, low, "right") == (0.25, 0.0)
