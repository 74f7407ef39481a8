"""GAOKAO-Bench: choice questions of China's college entrance examinations, 2010 to 2022 (Zhang et al., 2023)."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import PositiveInt

from lmloop.core.model import Generates, Reply, Request, Sampling, Writing
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric
from lmloop.scoring.benchmark import Benchmark
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_json
from lmloop.scoring.written import after_thinking

ONE = (
    "请你做一道{subject}选择题\n请你一步一步思考并将思考过程写在【解析】和<eoe>之间。你将从A，B，C，D中选出正确的答案，"
    "并写在【答案】和<eoa>之间。\n例如：【答案】: A <eoa>\n完整的题目回答的格式如下：\n【解析】 ... <eoe>\n"
    "【答案】 ... <eoa>\n请你严格按照上述格式作答。\n题目如下："
)
ALL = (
    "请你做一道物理选择题。\n请你一步一步思考并将思考过程写在【解析】和<eoe>之间。你将从A，B，C，D中选出所有符合题意的答案，"
    "并写在【答案】和<eoa>之间。\n例如：【答案】 AB <eoa>\n完整的题目回答的格式如下：\n【解析】 ... <eoe>\n"
    "【答案】... <eoa>\n请你严格按照上述格式作答。\n"
)
SEVERAL = (
    "请你做一道{subject}，其中包含{count}小题。\n请你一步一步思考。每一题你将从A，B，C，D中选出正确的答案，"
    "并写在【答案】和<eoa>之间。\n例如：（1）【答案】 A <eoa>\n（2）【答案】 B <eoa>\n请你严格按照上述格式作答。\n"
)
USAGE = (
    "请你做一道语文选择题\n请你一步一步思考并将思考过程写在【解析】和<eoe>之间。你将从A，B，C，D中选出正确的答案，"
    "并写在【答案】和<eoa>之间。\n例如：【答案】: A <eoa>\n完整的题目回答的格式如下：\n（1）【解析】 ... <eoe>\n"
    "【答案】 ... <eoa>\n（2）【解析】 ... <eoe>\n【答案】 ... <eoa>\n请你严格按照上述格式作答。如果不止一道题，"
    "请分别作答\n题目如下："
)
FIVE = (
    "请回答下面的问题，将符合题意的五个选项的字母写在【答案】和<eoa>之间，例如“【答案】 A B C D E <eoa>\n"
    "请严格按照上述格式作答。\n"
)
KINDS: Mapping[str, tuple[str, str, str]] = {
    "2010-2022_Math_II_MCQs": ("one", ONE, "数学"),
    "2010-2022_Math_I_MCQs": ("one", ONE, "数学"),
    "2010-2022_History_MCQs": ("one", ONE, "历史"),
    "2010-2022_Biology_MCQs": ("one", ONE, "生物"),
    "2010-2022_Political_Science_MCQs": ("one", ONE, "政治"),
    "2010-2022_Physics_MCQs": ("all", ALL, "物理"),
    "2010-2022_Chemistry_MCQs": ("one", ONE, "化学"),
    "2010-2013_English_MCQs": ("one", ONE, "英语"),
    "2010-2022_Chinese_Modern_Lit": ("several", SEVERAL, "语文阅读理解题"),
    "2010-2022_English_Fill_in_Blanks": ("several", SEVERAL, "英语完形填空题"),
    "2012-2022_English_Cloze_Test": ("five", FIVE, "英语"),
    "2010-2022_Geography_MCQs": ("several", SEVERAL, "地理选择题"),
    "2010-2022_English_Reading_Comp": ("several", SEVERAL, "英语阅读理解题"),
    "2010-2022_Chinese_Lang_and_Usage_MCQs": ("several", USAGE, "语文"),
}
COUNTS = {"语文阅读理解题": "三个", "英语完形填空题": "二十个", "地理选择题": "两到三个", "英语阅读理解题": "三到五个"}
MARKED = re.compile(r"【答案】[\s:]*(?P<letters>[A-G](?:[\s、,]*[A-G](?![a-z]))*)")
LETTER = re.compile(r"[A-G]")


class Gaokao(Benchmark):
    """Answer the choice questions of the Gaokao in writing, in Chinese, and score them as examiners do.

    Each of 14 kinds of question has the authors' prompt, without examples. ``score`` is the share of an item's points:
    of questions with parts, each part has its own; of physics questions with several right options, all of them get
    full points, and some of them and no wrong one half. Letters are looked for behind 【答案】, else in all that
    was written, from its end for a single one. A part without an answer is wrong; an item without any is a failure.
    ``max_tokens`` bounds a reply. The published rate weighs by points, and so do these grades.
    """

    needs: ClassVar[tuple[type, ...]] = (Generates,)
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("score", chance=0.25),)
    source: ClassVar[Source] = Source(
        "gaokao",
        "Apache-2.0",
        "https://github.com/OpenLMLab/GAOKAO-Bench",
        {
            "test": (
                "Data/Objective_Questions/*.json",
                "data/Multiple-choice_Questions/*.json",
                "gaokao_bench*/20*.json",
            )
        },
        published={"b0f1865d18b6a967": "1,781 items of 14 kinds"},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form("{prompt}{question|strip}\n", "【答案】{target}<eoa>", by="writing", extract="gaokao"),
    }

    max_tokens: PositiveInt = 4096

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read the questions of a kind; its name is that of the file."""
        kind, prompt, subject = KINDS[path.stem]
        words = prompt.replace("{subject}", subject).replace("{count}", COUNTS.get(subject, ""))
        for row in read_json(path)["example"]:
            answers = [str(answer).replace(" ", "") for answer in row["answer"]]
            more = {"kind": kind, "right": answers, "points": float(row["score"]) * len(answers)}
            fields = {"prompt": words, "question": row["question"]}
            yield Item(fields, target=" ".join(answers), group=path.stem, more=more)

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        """Ask for a reply."""
        return [] if said else [Writing(record.prompt, Sampling(self.max_tokens, seed=self.seed))]

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """Give the share of the points, weighed by how many there are."""
        group, weight = str(record.meta["subject"]), float(record.meta["points"])
        if said[0].error:
            return Grade(record.id, {}, said[0].error, failed=True, group=group, weight=weight)
        right, kind = record.meta["right"], str(record.meta["kind"])
        found = found_answers(said[0].text, kind, len(right))
        points = [_share(one, wanted) for one, wanted in zip([*found, *[""] * len(right)], right, strict=False)]
        score = sum(points) / len(right)
        why = f"{' '.join(found) or 'nothing'}, and {' '.join(right)} is right"
        shown = " ".join(found) or None
        return Grade(record.id, {"score": score}, why, shown, shown is None, group, "", weight)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give two kinds of invented items in upstream's layout."""
        one = [{"question": f"{n}. {n}加1等于？\nA. {n}\nB. {n + 1}", "answer": ["B"], "score": 4} for n in range(3)]
        two = [{"question": f"{n}. 哪些是水果？", "answer": ["AC"], "score": 6} for n in range(3)]
        folder = "gaokao/Data/Objective_Questions"
        kinds = {"2010-2022_History_MCQs": one, "2010-2022_Physics_MCQs": two}
        return {f"{folder}/{name}.json": json.dumps({"example": rows}).encode() for name, rows in kinds.items()}


def found_answers(reply: str, kind: str, count: int) -> list[str]:
    """Find the answers to the parts of an item in a reply, in order; at most as many as it has."""
    said = after_thinking(reply)
    if said is None:
        return []
    text = unicodedata.normalize("NFKC", said)
    marked = [found["letters"] for found in MARKED.finditer(text)]
    if kind == "one":
        letters = [letter for letter in LETTER.findall(marked[-1] if marked else text) if letter in "ABCD"]
        return letters[-1:]
    if kind == "all":
        letters = LETTER.findall(marked[-1] if marked else text[-10:])
        return ["".join(sorted(set(letters) & set("ABCD")))] if set(letters) & set("ABCD") else []
    if kind == "several" and len(marked) == count:
        return [LETTER.findall(one)[0] for one in marked]
    return [letter for one in marked or [text] for letter in LETTER.findall(one)][:count]


def _share(found: str, right: str) -> float:
    if found == right:
        return 1.0
    return 0.5 if found and set(found) < set(right) else 0.0
