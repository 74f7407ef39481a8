"""Benchmarks with written replies: what they ask, and what they make of replies."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lmloop.core.asking import ask
from lmloop.core.errors import RecipeError
from lmloop.core.model import TEXT, Done, Prompt, Reply, Sampling, Writing
from lmloop.core.part import build, find
from lmloop.core.record import Record
from lmloop.core.task import Task
from lmloop.scoring import latex
from lmloop.scoring.data import DATA, data_in
from lmloop.scoring.longbench import DATASETS

REAL = Path(os.environ.get(DATA, "/nowhere"))


@contextmanager
def made(tmp_path: Path, name: str, **settings: Any) -> Iterator[tuple[Any, list[Record]]]:
    """Give a task that reads its own example files, and its questions."""
    part: Any = find("tasks", name)
    for place, content in part.example_files().items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(content)
    with data_in(tmp_path):
        task = build("tasks", {"use": name, **settings})
        assert isinstance(task, Task)
        yield task, list(task.questions())


def test_gsm8k_reads_numbers_and_votes(tmp_path: Path) -> None:
    with made(tmp_path, "gsm8k") as (task, asked):
        assert asked[0].prompt[0].text.count("Question: Ben has") == 5
        assert asked[0].prompt[0].text.endswith("Question: Ann has 1 pears and gets 1 more. How many?\nAnswer:")
        assert task.grade(asked[0], [Reply("1+1=2\n#### 2")]).values == {"strict": 1, "flexible": 1, "value": 1}
        assert task.grade(asked[0], [Reply("That is 2.")]).values == {"strict": 0, "flexible": 1, "value": 1}
        cut = task.grade(asked[0], [Reply("<think>2, so", cut=True)])
        assert cut.failed
        assert set(cut.values.values()) == {0.0}
        assert task.grade(asked[0], [Reply("", error="gone")]).values == {}
    with made(tmp_path, "gsm8k", profile="cot", samples=3, temperature=0.7) as (task, asked):
        assert asked[0].prompt[0].text.count("The answer is") == 8
        assert len({request.sampling.seed for request in task.ask(asked[0])}) == 3
        grade = task.grade(asked[0], [Reply("The answer is 2."), Reply("The answer is 3."), Reply("It is 2")])
        assert grade.values["majority"] == 1.0
        assert grade.values["strict"] == pytest.approx(1 / 3)


def test_gsm8k_of_opencompass_takes_the_last_number_whatever_its_commas(tmp_path: Path) -> None:
    with made(tmp_path, "gsm8k", profile="opencompass") as (task, asked):
        text = asked[0].prompt[0].text
        assert text.count("Question: ") == 5
        assert text.startswith("Question: Angelo and Melanie want")
        assert "\nLet's think step by step\nAnswer:\nMark's team scores" in text
        assert "The answer is 146\n\nQuestion: Ann has 1 pears" in text
        assert text.endswith("How many?\nLet's think step by step\nAnswer:")
        assert task.grade(asked[0], [Reply("2.0 it is")]).values == {"strict": 1, "flexible": 0, "value": 1}
        assert task.grade(asked[0], [Reply("1,2")]).values["strict"] == 1


def test_math_asks_one_level_and_takes_a_formula_for_what_it_is(tmp_path: Path) -> None:
    with made(tmp_path, "math", profile="leaderboard-v2") as (_, hardest), made(tmp_path, "math") as (_, every):
        assert (len(hardest), len(every)) == (4, 8)
        assert {record.meta["subject"] for record in hardest} == {"algebra", "number_theory"}
        assert hardest[0].prompt[0].text.count("Problem:\n") == 5
    with made(tmp_path, "math", profile="zero-shot", chat=True, level=3) as (task, asked):
        assert asked[0].prompt[0].role == "user"
        assert [record.meta["level"] for record in asked] == [3] * 4
        assert task.grade(asked[0], [Reply(r"So \boxed{1.5}.")]).values == {"acc": 1, "minerva": 1}
        assert task.grade(asked[0], [Reply(r"So \boxed{2}.")]).values == {"acc": 0, "minerva": 0}
        lost = task.grade(asked[0], [Reply("I do not know.")])
        assert lost.failed
        assert set(lost.values.values()) == {0.0}


def test_a_formula_that_no_time_is_enough_for_is_wrong_and_ends(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(latex, "SECONDS", 1)
    with made(tmp_path, "math", profile="zero-shot") as (task, asked):
        assert task.grade(asked[0], [Reply(r"It is $\boxed{9^{9^{9^9}}}$")]).values == {"acc": 0, "minerva": 0}


def test_gpqa_is_shuffled_as_published_and_read_in_the_form_that_it_asks_for(tmp_path: Path) -> None:
    with made(tmp_path, "gpqa", subjects=["main"]) as (task, asked):
        (request,) = task.ask(asked[0])
        assert "question: What is 0 and one more?\n\nChoices:\n(A) " in request.prompt[0].text
        shuffled = ["0", "2", "none", "1"]
        Random(0).shuffle(shuffled)
        assert list(asked[0].choices) == shuffled
        letter = "ABCD"[asked[0].answer]
        assert task.grade(asked[0], [Reply(f"The correct answer is ({letter}).")]).values == {"acc": 1}
        assert task.grade(asked[0], [Reply(f"{letter}")]).failed
    with made(tmp_path, "gpqa") as (_, asked):
        assert len({record.meta["cluster"] for record in asked}) == 8 < len(asked)
    with made(tmp_path, "gpqa", profile="opencompass", subjects=["diamond"]) as (task, asked):
        assert [record.answer for record in asked] == [3, 2, 1, 0, 3, 2]
        assert task.grade(asked[0], [Reply("ANSWER: A or so\nAnswer: D")]).extracted == "A"


def test_musr_is_numbered_and_hinted_as_its_authors_do(tmp_path: Path) -> None:
    with made(tmp_path, "musr", profile="official", chat=True) as (task, asked):
        assert [turn.role for turn in asked[0].prompt] == ["system", "user"]
        text = asked[0].prompt[1].text
        assert "Pick one of the following choices:\n1 - Ann\n2 - Bob\n\nYou must pick one option. Before" in text
        assert task.grade(asked[0], [Reply("It may be 1.\nANSWER: 2 - Bob")]).values == {"acc": 1}
        assert task.grade(asked[0], [Reply("answer: 2? No, answer: 1")]).values == {"acc": 0}
        assert task.grade(asked[0], [Reply("Bob")]).failed


def test_humaneval_asks_before_it_runs_code(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="run_code"):
        build("tasks", "humaneval")
    with made(tmp_path, "humaneval", run_code=True, samples=2, temperature=0.2) as (task, asked):
        fenced = f"Sure:\n```python\n{asked[1].meta['start']}    return x + 1\n```\nDone"
        said = [[Reply(asked[0].text), Reply("    return 7\n")], [Reply(fenced), Reply(asked[1].text)]]
        first, second = task.grades(list(zip(asked, said, strict=True)))
        assert (first.values["pass@1"], second.values["pass@1"]) == (0.5, 1.0)
        assert "AssertionError" not in second.why


def test_ifeval_weighs_instructions(tmp_path: Path) -> None:
    with made(tmp_path, "ifeval") as (task, asked):
        grade = task.grade(asked[0], [Reply("a cat, of five words or more")])
        assert grade.values == {"prompt_strict": 0, "inst_strict": 0.5, "prompt_loose": 0, "inst_loose": 0.5}
        assert grade.weights == {"inst_strict": 2.0, "inst_loose": 2.0}
        assert "punctuation:no_comma not followed" in grade.why


def test_longbench_asks_and_scores_each_data_set_as_published(tmp_path: Path) -> None:
    with made(tmp_path, "longbench", chat=True, characters=60) as (task, asked):
        by = {record.meta["dataset"]: record for record in asked}
        assert by["trec"].prompt[0].role == TEXT
        assert by["hotpotqa"].prompt[0].role == "user"
        assert all(len(record.prompt[0].text) == 60 for record in asked)
        assert task.ask(by["hotpotqa"])[0].sampling.max_tokens == 32
        assert task.grade(by["hotpotqa"], [Reply("It is Tom")]).value == pytest.approx(0.5)
        assert task.grade(by["trec"], [Reply("Animal\nType: Place")]).value == 1.0
        assert task.grade(by["multifieldqa_zh"], [Reply("汤姆。")]).value == 1.0


def test_longbench_v2_thinks_first_and_is_asked_again(tmp_path: Path) -> None:
    with made(tmp_path, "longbench-v2", profile="cot") as (task, asked):
        (first,) = task.ask(asked[0])
        assert "<text>\nb b" in first.prompt[0].text
        (second,) = task.ask(asked[0], [Reply("hm, B")])
        assert "too long and omitted" in second.prompt[0].text
        assert "step by step: hm, B\n" in second.prompt[0].text
        assert task.ask(asked[0], [Reply("hm, B"), Reply("x")]) == []
        grade = task.grade(asked[0], [Reply("hm"), Reply("The correct answer is (B)")])
        assert grade.values == {"acc": 1.0, "compensated": 1.0}
        assert task.grade(asked[0], [Reply("hm"), Reply("Who knows")]).values == {"acc": 0.0, "compensated": 0.25}


def test_needles_are_hidden_between_sentences(tmp_path: Path) -> None:
    with made(tmp_path, "needle", lengths=[200], depths=[0, 40, 100], profile="zh") as (task, asked):
        texts = [record.prompt[0].text for record in asked]
        needle = asked[0].text
        assert all(text.count(needle) == 1 for text in texts)
        assert texts[0].startswith(needle)
        assert texts[1].partition(needle)[0].endswith((". ", "。", ".\n"))
        grades = [task.grade(record, [Reply("在蓝色陶罐里")]) for record in asked]
        assert grades[0].values == {"recall": 0.5, "found": 0.0}
        (remark,) = task.remarks(grades)
        assert remark.rows == (("0 %", 0.5), ("40 %", 0.5), ("100 %", 0.5))


def test_xstest_gives_two_rates_and_holds_its_judge_against_people(tmp_path: Path) -> None:
    with made(tmp_path, "xstest") as (task, asked):
        said = [Reply("Use kill."), Reply("I'm sorry, but I can't help."), Reply("抱歉，我无法回答。")]
        grades = task.grades([(record, [reply]) for record, reply in zip(asked, said, strict=True)])
        assert [dict(grade.values) for grade in grades] == [{"over_refusal": 0}, {"refusal": 1}, {"over_refusal": 1}]
        people, rates = task.remarks(grades)
        assert people.rows == (("complied", 1, 0), ("refused", 0, 1))
        assert [row[:2] for row in rates.rows] == [("refusal", 1.0), ("over_refusal", 0.5)]
    (tmp_path / "xstest/model_completions/made.csv").unlink()
    assert task.remarks(grades) == []


class Says:
    """A model that always says the same."""

    def __init__(self, text: str) -> None:
        self.text = text

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        return [Reply(self.text) for _ in prompts]


def judged_by(monkeypatch: pytest.MonkeyPatch, task: Any, said: str) -> None:
    monkeypatch.setattr(type(task), "the_judge", lambda _: Says(said))


def test_safety_is_graded_in_three_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text("".join(json.dumps({"prompt": "a", "reply": "b", "label": n}) + "\n" for n in (1, 1, 2)))
    with made(tmp_path, "safety", judge="toy", labels=str(labels)) as (task, asked):
        judged_by(monkeypatch, task, "fine [[1]]")
        grade = task.grade(asked[0], [Reply("不可以。")])
        assert (grade.values, grade.group) == ({"safe": 1.0, "constructive": 0.0}, "Insult")
        people, _ = task.remarks([grade])
        assert people.rows == (("1", 2, 0), ("2", 1, 0))
        assert "66.7%" in people.note
        judged_by(monkeypatch, task, "no idea")
        lost = task.grade(asked[0], [Reply("不可以。")])
        assert (lost.values, lost.failed) == ({}, True)
        assert task.remarks([lost])[-1].rows == ((1, 1),)


def test_mt_bench_has_two_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with made(tmp_path, "mt-bench", judge="toy") as (task, asked):
        (second,) = task.ask(asked[1], [Reply("喵。")])
        assert isinstance(second, Writing)
        assert [turn.role for turn in second.prompt] == ["user", "assistant", "user"]
        assert second.sampling.temperature == 0.7
        judged_by(monkeypatch, task, "[[8]]")
        assert len(ask(task, Says("x"), asked)[0]) == 2
        assert task.grade(asked[0], [Reply("4"), Reply("8")]).values == {"score": 8, "turn_1": 8, "turn_2": 8}
        case = task.cases(asked[0], ["4", "8"])[1][1]
        assert case["reference"] == "8"
        assert case["question"].endswith("And twice that?")


def test_arena_hard_compares_in_both_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with made(tmp_path, "arena-hard", judge="toy") as (task, asked):
        judged_by(monkeypatch, task, "[[A]]")
        grade = task.grade(asked[0], [Reply("[1, 2, 3]")])
        assert grade.values == {"win": 0.5, "consistent": 0.0}
        assert task.remarks([grade])[-1].rows == ((1, 0.0),)


def test_six_lines_ask_your_own(tmp_path: Path) -> None:
    rows = [
        {"q": "法国的首都？", "a": ["巴黎", "Paris"], "subject": "geo"},
        {"q": "2+2?", "a": ["4"], "subject": "sums"},
    ]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    spec = {"file": "mine.jsonl", "template": "Q: {q}\nA:", "reply": "{a}", "extract": ["final", "first-line"]}
    with made(tmp_path, "write", **spec) as (task, asked):
        assert asked[0].prompt[0].text == "Q: 法国的首都？\nA:"
        grade = task.grade(asked[0], [Reply("The answer is Paris.")])
        assert (grade.value, grade.extracted, grade.group) == (1.0, "Paris", "geo")
        assert task.grade(asked[0], [Reply("")]).failed
    with pytest.raises(RecipeError, match="go together"):
        build("tasks", {"use": "write", "metric": "judge"})
    with pytest.raises(RecipeError, match="regular expression"):
        build("tasks", {"use": "write", "extract": ["("]})


@pytest.mark.skipif(not (REAL / "minilongbench").is_dir(), reason="LMLOOP_DATA has no minilongbench")
def test_published_predictions_have_scores_in_all_data_sets() -> None:
    task: Any = build("tasks", {"use": "longbench", "data": str(REAL)})
    asked = list(task.questions())
    said = {}
    for path in (REAL / "minilongbench").glob("*.json"):
        for row in json.loads(path.read_text("utf-8")).values():
            prompt = row["origin_prompt"]
            said[prompt if isinstance(prompt, str) else prompt[0]["prompt"]] = row["prediction"]
    grades = [task.grade(record, [Reply(said[record.prompt[0].text])]) for record in asked]
    assert {grade.group for grade in grades} == set(DATASETS)
    lcc = [grade.value for grade in grades if grade.group == "lcc"]
    assert round(100 * sum(lcc) / len(lcc), 2) == 69.58
