"""The published text of prompts, and the published counts where the data is."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lmloop.core.errors import DataError, RecipeError
from lmloop.core.listing import names
from lmloop.core.model import Reply, Scoring, Writing, raw_text
from lmloop.core.part import build, find
from lmloop.core.record import Record
from lmloop.core.task import Task
from lmloop.scoring.benchmark import Benchmark
from lmloop.scoring.choice import Choice
from lmloop.scoring.data import DATA, data_in

REAL = os.environ.get(DATA, "")
"""The folder of the real benchmarks, where there is one: these tests are skipped elsewhere."""
BENCHMARKS = [name for name in names("tasks") if issubclass(find("tasks", name), Benchmark)]


@pytest.fixture
def invented(tmp_path: Path) -> Iterator[Path]:
    for name in sorted(BENCHMARKS, key=lambda name: name == "choice"):  # its file has a name that others use, too
        for file, content in find("tasks", name).example_files().items():  # type: ignore[attr-defined]
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_bytes(content)
    with data_in(tmp_path):
        yield tmp_path


def task(use: str, **settings: Any) -> Task:
    made = build("tasks", {"use": use, **settings})
    assert isinstance(made, Task)
    return made


def first(use: str, **settings: Any) -> tuple[str, list[str], Record]:
    """Give the prompt of the first item, what follows it, and the item."""
    made = task(use, **settings)
    record = next(made.questions())
    asked = made.ask(record)
    text = raw_text(asked[0].prompt)
    assert text is not None
    return text, [one.text for one in asked if isinstance(one, Scoring)], record


CHOICES = [name for name in BENCHMARKS if issubclass(find("tasks", name), Choice) and name != "truthfulqa"]


@pytest.mark.usefixtures("invented")
@pytest.mark.parametrize("name", CHOICES)
def test_each_option_that_may_be_taken_is_another_answer(name: str) -> None:
    steps = name in ("bbh", "mmlu-pro")
    if steps:
        with pytest.raises(RecipeError, match="not in worked steps"):
            task(name, by="likelihood")
    made = task(name, by="likelihood", profile="leaderboard-v2" if steps else "")
    record = next(made.questions())
    count = len(made.ask(record))
    said = [[Reply("", -1.0 if place == taken else -1e6, 1) for place in range(count)] for taken in range(count)]
    grades = [made.grade(record, replies) for replies in said]
    assert len({grade.extracted for grade in grades}) == count > 1
    assert sum(grade.value for grade in grades) == 1


@pytest.mark.usefixtures("invented")
def test_a_word_that_was_not_the_first_choice_is_not_what_was_answered() -> None:
    made = task("lambada")
    record = next(made.questions())
    right, wrong = (made.grade(record, [Reply("", -1.0, 1, greedy=greedy)]) for greedy in (True, False))
    assert (right.extracted, right.value) == ("cup", 1.0)
    assert (wrong.extracted, wrong.value, wrong.failed) == (None, 0.0, False)


@pytest.mark.usefixtures("invented")
class TestPublishedText:
    def test_mmlu(self) -> None:
        shot = "0, and one more?\nA. 0\nB. 1\nC. 2\nD. 3\nAnswer:"
        head = "The following are multiple choice questions (with answers) about {}made arithmetic.\n\n"
        assert first("mmlu", shots=1) == (
            head.format(" ") + shot + " B\n\n" + shot,
            [" A", " B", " C", " D"],
            first("mmlu", shots=1)[2],
        )
        assert first("mmlu", profile="lm-eval", shots=1)[0] == head.format("") + shot + " B\n\n" + shot
        assert first("mmlu", profile="opencompass", shots=1)[0] == head.format(" ") + shot + " B\n" + shot
        single = (
            "There is a single choice question about made arithmetic. Answer the question by replying A, B, C or D.\n"
        )
        body = "0, and one more?\nA. 0\nB. 1\nC. 2\nD. 3\n"
        written = first("mmlu", profile="opencompass-writing", shots=1)[0]
        assert written == f"{single}Question: {body}Answer: B\n{single}Q: {body}A: "

    def test_cmmlu(self) -> None:
        body = "0加1等于\nA. 0\nB. 1\nC. 2\nD. 零\n"
        head = "以下是关于农学的单项选择题，请直接给出正确答案的选项。\n"
        assert first("cmmlu", shots=1)[:2] == (
            f"{head}\n题目：{body}答案是：B\n\n题目：{body}答案是：",
            ["A", "B", "C", "D"],
        )
        text, asked, _ = first("cmmlu", profile="opencompass", shots=1)
        assert (text, asked[0]) == (f"{head}题目：{body}答案是: B\n题目：{body}答案是:", " A")

    def test_ceval(self) -> None:
        body = "0加1等于____。\nA. 0\nB. 1\nC. 2\nD. 零\n"
        head = "以下是中国关于法学考试的单项选择题，请选出其中的正确答案。\n"
        assert first("ceval", shots=1)[:2] == (f"{head}\n{body}答案：B\n\n{body}答案：", ["A", "B", "C", "D"])
        steps = "让我们一步一步思考，\n"
        assert first("ceval", profile="official-cot", shots=1)[0] == (
            f"{head}\n{body}答案：{steps}1. 加一。\n所以答案是B。\n\n{body}答案：{steps}1."
        )
        assert first("ceval", profile="opencompass", shots=1)[0] == f"{head}{body}答案: B\n{head}{body}答案:"

    def test_safetybench(self) -> None:
        text, asked, _ = first("safetybench")
        assert text == "问题：雨天第0次过马路该怎么做？\n选项：\n(A) 看灯\n(B) 闭眼\n答案：("
        assert asked == ["A", "B"]
        assert first("safetybench", by="writing")[0].endswith("答案：")

    def test_agieval(self) -> None:
        english, chinese = (first("agieval", subjects=[name])[0] for name in ("lsat-ar", "gaokao-history"))
        assert english == (
            "Q: How many are in box 0? Answer Choices: (A)one (B)two\nA: Among A through B, the answer is"
        )
        assert chinese == "问题：盒子里有几个 0? 选项：(A)one (B)two\n答案：从A到B, 我们应选择"
        assert first("agieval", profile="lm-eval")[1] == [" (A)one", " (B)two"]

    def test_bbh(self) -> None:
        shot = "Q: not True is\nA: Let's think step by step.\nNot True is False. So the answer is False.\n\n"
        text, _, record = first("bbh")
        assert text == f"Work it out.\n\n{shot * 3}Q: not ( True ) and 0 is\nA: Let's think step by step."
        (asked,) = task("bbh").ask(record)
        assert isinstance(asked, Writing)
        assert asked.sampling.stop == ("\n\nQ:",)
        direct = first("bbh", profile="official-direct")[0]
        assert direct == "Work it out.\n\n" + "Q: not True is\nA: False\n\n" * 3 + "Q: not ( True ) and 0 is\nA:"
        assert first("bbh", profile="leaderboard-v2")[1] == [" False", " True"]

    def test_bigbench(self) -> None:
        text, asked, record = first("bigbench", tasks=["strategyqa"])
        assert text in (
            f"\nQ: Is 0 a number?{listed}\nA: "
            for listed in ("\n  choice: Yes\n  choice: No", "\n  choice: No\n  choice: Yes")
        )
        assert asked == list(record.choices)
        assert first("bigbench", tasks=["operators"])[0] == "\nQ: 0 plus 1\nA: "

    def test_gaokao(self) -> None:
        text = first("gaokao", subjects=["2010-2022_Physics_MCQs"])[0]
        assert text.startswith("请你做一道物理选择题。\n请你一步一步思考")
        assert text.endswith("请你严格按照上述格式作答。\n0. 哪些是水果？\n")

    def test_truthfulqa(self) -> None:
        text, asked, record = first("truthfulqa")
        assert text.startswith("Q: What is human life expectancy in the United States?\nA: Human")
        assert text.endswith("in Barcelona, Spain.\n\nQ: Do 2 stones float?\nA:")
        assert asked == [" No", " Yes", " They float", " They fly", " They sink"]
        assert (record.meta["mc1"], record.meta["true"]) == ([0, 1, 2, 3], [0, 4])


COUNTS = [
    ("mmlu", {}, 14042, 57),
    ("cmmlu", {}, 11582, 67),
    ("arc", {"level": "challenge"}, 1172, 1),
    ("arc", {"level": "easy"}, 2376, 1),
    ("hellaswag", {}, 10042, 1),
    ("winogrande", {}, 1267, 1),
    ("truthfulqa", {}, 817, 38),
    ("piqa", {}, 1838, 1),
    ("boolq", {}, 3270, 1),
    ("openbookqa", {}, 500, 1),
    ("bbh", {}, 6511, 27),
    ("bbh", {"profile": "leaderboard-v2"}, 5761, 24),
    ("gaokao", {}, 1781, 14),
    ("safetybench", {"language": "zh_subset"}, 2100, 7),
    ("lambada", {}, 5153, 1),
    ("agieval", {}, 4725, 15),
]


@pytest.mark.skipif(not REAL, reason=f"{DATA} names no folder of benchmarks")
@pytest.mark.parametrize(("use", "settings", "items", "subjects"), COUNTS)
def test_published_counts(use: str, settings: dict[str, Any], items: int, subjects: int) -> None:
    made = task(use, data=REAL, **settings)
    assert isinstance(made, Benchmark)
    assert made.published()
    records = list(made.questions())
    assert (len(records), len({record.meta["subject"] for record in records})) == (items, subjects)
    assert len({record.id for record in records}) == items


@pytest.mark.usefixtures("invented")
@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_says_where_its_data_comes_from_and_what_it_asks(name: str) -> None:
    made = find("tasks", name).example()
    assert isinstance(made, Benchmark)
    assert made.place().licence
    protocol = json.loads(json.dumps(made.protocol()))
    assert {"benchmark", "profile", "shots", "item", "by", "stop", "extract", "metric", "chat", "bos"} <= set(protocol)


@pytest.mark.parametrize(
    ("name", "file", "odd"),
    [
        ("piqa", "piqa/valid.jsonl", {"goal": "?", "sol1": None, "sol2": "b"}),
        ("hellaswag", "hellaswag/data/hellaswag_val.jsonl", {"endings": ["x"], "label": 2}),
        ("mmlu-pro", "mmlu_pro/test.jsonl", {"category": []}),
        ("ifeval", "ifeval/input_data.jsonl", {"kwargs": []}),
        ("longbench", "longbench/data/hotpotqa.jsonl", {"answers": [1]}),
        ("arena-hard", "arena_hard/arena-hard-v0.1/question.jsonl", {"turns": [{}]}),
        ("arena-hard", "arena_hard/arena-hard-v0.1/model_answer/gpt-4-0314.jsonl", {"choices": [[]]}),
    ],
)
def test_rows_with_something_odd_in_them_are_one_message(invented: Path, name: str, file: str, odd: Any) -> None:
    first, *rest = (invented / file).read_text(encoding="utf-8").splitlines()
    rows = [json.dumps({**json.loads(first), **odd}), *rest]
    (invented / file).write_text("\n".join(rows) + "\n", encoding="utf-8")
    made = build("tasks", {"use": name, **({"judge": "toy"} if name == "arena-hard" else {})})
    assert isinstance(made, Benchmark)
    with pytest.raises(DataError, match=Path(file).name):
        made.protocol()
