from collections import Counter

import numpy as np
import pytest

from lmloop.core.batch import from_records
from lmloop.core.op import Op
from lmloop.core.part import build
from lmloop.core.record import Record
from lmloop.core.sampling import Sample
from lmloop.report import blocks
from lmloop.stages.curate.advice import CJK, OTHER, SHARES, advise
from lmloop.stages.curate.trial import Trial, try_ops
from lmloop.stages.curate.trial_report import chain_blocks, trial_blocks, whole_seconds

WORDS = "The people of the town have been with us and that is all that we know of them to be true. "


def chain(*specs: object) -> list[Op]:
    return [build("ops", spec) for spec in specs]


def corpus() -> list[str]:
    texts = [WORDS * (1 + n % 5) + str(n) for n in range(40)]
    texts += [f"第{n}篇文章讲的是数据和模型的关系，内容各不相同。" * (1 + 7 * (n % 2)) for n in range(40)]
    return [*texts, texts[0], "short", "短"]


@pytest.fixture(scope="module")
def trial() -> Trial:
    batch = from_records(
        Record(text=text, id=str(n), meta={"source": f"{n % 3}.txt"}) for n, text in enumerate(corpus())
    )
    return try_ops(chain("unicode", {"use": "length", "min_characters": 60}, "gopher-quality", "exact"), batch)


def test_each_op_sees_the_same_rows_by_itself(trial: Trial) -> None:
    for tried in trial.tried:
        apart = tried.op(corpus())
        assert int(tried.alone.sum()) == apart.dropped.num_rows == tried.reasons.total()


def test_alone_only_and_together_add_up(trial: Trial) -> None:
    marks = np.stack([tried.alone for tried in trial.tried])
    for place, tried in enumerate(trial.tried):
        assert trial.only(place) == int((marks[place] & (marks.sum(axis=0) == 1)).sum())
        assert trial.both(place, place) == int(tried.alone.sum())
        assert trial.both(1, place) == trial.both(place, 1)


def test_the_chain_loses_what_its_ops_drop_one_after_the_other(trial: Trial) -> None:
    left = trial.batch.num_rows
    for tried in trial.tried:
        assert tried.chain_in == left
        left -= tried.chain_dropped
    assert left == trial.kept


def test_kept_without_is_the_chain_without_that_op(trial: Trial) -> None:
    ops = [tried.op for tried in trial.tried]
    for place, tried in enumerate(trial.tried):
        rows = trial.batch
        for op in [op for k, op in enumerate(ops) if k != place]:
            rows = op.apply(rows).batch
        assert tried.kept_without == rows.num_rows


def test_advice_drops_the_share_that_it_names(trial: Trial) -> None:
    lengths = np.array([len(text) for text in corpus()])
    [least] = [each for each in advise(trial) if each.bound.setting == "min_characters"]
    assert least.share == pytest.approx((lengths < 60).mean())
    for share, at in zip(SHARES, least.at, strict=True):
        assert (lengths < at).mean() <= share + 1 / len(lengths)
    assert [near.dropped for near in least.near] == [True] * 3 + [False] * 3
    assert all((near.value < 60) == near.dropped == (lengths[near.place] < 60) for near in least.near)
    assert least.near[0].value == lengths[lengths < 60].max()


def test_advice_by_script_where_no_op_knows_languages(trial: Trial) -> None:
    [least] = [each for each in advise(trial) if each.bound.setting == "min_characters"]
    assert set(least.groups) == {CJK, OTHER}
    assert least.groups[CJK][0] > least.groups[OTHER][0]
    assert least.remark.startswith("drops ")
    assert CJK in least.remark


def test_a_rule_that_is_not_asked_of_a_text_is_no_drop(trial: Trial) -> None:
    [length] = [each for each in advise(trial) if each.bound.setting == "min_word_length"]
    assert CJK not in length.groups or length.groups[CJK][0] == 0


def test_a_bound_that_is_not_in_force_gets_no_advice() -> None:
    pytest.importorskip("stdnum")
    texts = [f"write to user{n}@example.com please" for n in range(30)]
    mask, drop = ([{"use": "pii", "action": action}] for action in ("mask", "drop"))
    rows = from_records(Record(text=text, id=str(n)) for n, text in enumerate(texts))
    assert not advise(try_ops(chain(*mask), rows))
    assert [each.bound.setting for each in advise(try_ops(chain(*drop), rows))] == ["max_found"]


def test_blocks_say_what_a_sample_cannot_know(trial: Trial) -> None:
    sample = Sample(trial.batch, 3, 30, 1, 830, 10 * trial.text_bytes, 2.0)
    shown = trial_blocks(sample, trial, advise(trial), workers=2)
    table = next(block for block in shown if isinstance(block, blocks.Table))
    assert "exact will find more" in table.note
    assert [row[0] for row in table.rows] == ["unicode", "length", "gopher-quality", "exact"]
    assert "30 files" in shown[0].figures[0].caption
    assert 0 < whole_seconds(sample, trial, 2) < whole_seconds(sample, trial, 1)


def test_the_page_of_a_trial_shows_the_chain_as_a_curation_would(trial: Trial) -> None:
    sample = Sample(trial.batch, 3, 3, 0, 83, trial.text_bytes, 0.1)
    shown = chain_blocks([tried.op for tried in trial.tried], sample)
    [funnel] = [block for block in shown if isinstance(block, blocks.Funnel)]
    assert Counter({stage.name: stage.rows_out for stage in funnel.stages})["exact"] == trial.kept
    assert any(isinstance(block, blocks.Drops) for block in shown)
