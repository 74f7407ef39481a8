"""LongBench's metrics give the numbers of its own script; its published predictions, where they are, too."""

import json
from pathlib import Path

import pytest

from lmloop.scoring import longbench
from lmloop.scoring.overlap import bleu, chrf, distance, edit_percent, edit_similarity, exact, f1
from lmloop.scoring.rouge import common, common_length, rouge, summary_rouge
from lmloop.scoring.words import words

GOLDENS = json.loads(Path(__file__).with_name("longbench_goldens.json").read_text("utf-8"))


@pytest.mark.parametrize("row", GOLDENS, ids=lambda row: f"{row['dataset']}-{row['score']:.3f}")
def test_scores_are_those_of_the_script(row: dict) -> None:
    assert longbench.score(row["dataset"], row["reply"], row["answers"], row["classes"]) == row["score"]


def test_every_data_set_has_a_golden_and_a_name() -> None:
    assert {row["dataset"] for row in GOLDENS} == set(longbench.DATASETS) == set(longbench.NAMES)


def test_only_the_first_line_counts_where_replies_run_on() -> None:
    assert longbench.score("triviaqa", "\nRome\nQuestion: and then?", ["Rome"]) == 1.0
    assert longbench.score("hotpotqa", "\nRome\nQuestion: and then?", ["Rome"]) < 1.0
    assert longbench.bucket(3999) == "0-4k"
    assert longbench.bucket(8000) == "8k+"


def test_a_long_sentence_scores_nothing_where_the_script_gives_up() -> None:
    said, wanted = (" ".join(["x", *(f"{name}{n}" for n in range(600))]) for name in "ab")
    assert summary_rouge(said, wanted) == 0.0
    assert summary_rouge(said, wanted, depth=0) > 0.0


def test_common_subsequences_agree() -> None:
    one, other = ["the", "cat", "sat", "on", "the", "mat"], ["a", "cat", "on", "a", "big", "mat"]
    shared, _ = common(one, other)
    assert shared == ["cat", "on", "mat"]
    assert common_length(one, other) == 3
    found = rouge("the cat sat", "the cat ran")
    assert found["rouge1"] == pytest.approx(2 / 3)
    assert found["rouge2"] == pytest.approx(1 / 2)
    assert found["rougeL"] == pytest.approx(2 / 3)


def test_texts_are_compared_in_both_languages() -> None:
    assert exact("The  Cat!", ["a cat"]) == 1.0
    assert exact("答案：北京。", ["答案北京"]) == 1.0
    assert f1("the red cat", ["cat red", "dog"]) == 1.0
    assert 0 < f1("我爱北京天安门", ["北京天安门"]) < 1
    assert words("我爱北京 Hello, world") == ["我", "爱", "北京", "hello", "world"]
    assert distance("kitten", "sitting") == 3
    assert edit_similarity("kitten", ["sitting"]) == pytest.approx(4 / 7)
    assert edit_percent("abcd", "abxd") == 75
    assert bleu(["the cat sat on the mat"], [["the cat sat on the mat"]]) == pytest.approx(100)
    assert chrf(["猫坐在垫子上"], [["猫坐在垫子上", "猫在垫子上"]]) == pytest.approx(100)


@pytest.mark.parametrize(("most", "left"), [(None, "abcdefg"), (7, "abcdefg"), (6, "abcefg"), (5, "abfg"), (1, "")])
def test_a_long_text_loses_its_middle(most: int | None, left: str) -> None:
    assert longbench.without_middle("abcdefg", most) == left
