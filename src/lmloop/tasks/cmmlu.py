"""CMMLU: 67 subjects in Chinese, many of them about China alone (Li et al., 2023)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.subjects import CMMLU, CMMLU_CHINA
from lmloop.scoring.tables import read_rows

ABOUT = "以下是关于{subject}的单项选择题，请直接给出正确答案的选项。\n"
OPTIONS = "A. {A}\nB. {B}\nC. {C}\nD. {D}\n"


class Cmmlu(Choice):
    """Choose one of four options in 67 subjects, in Chinese, after five solved examples of the subject.

    Profiles: ``official`` writes 题目： before each question and ends in 答案是：, with nothing between that and the
    letter; ``lm-eval`` leaves 题目： out, ends in 答案： and has a space before the letter; ``opencompass`` ends in
    ``答案是: `` with a plain colon. Each is a different test. The published score is the plain mean over subjects.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc", chance=0.25), *METRICS[1:])
    source: ClassVar[Source] = Source(
        "cmmlu",
        "CC BY-NC-SA 4.0",
        "https://github.com/haonan-li/CMMLU",
        {"test": ("test/*.csv", "data/test/*.csv", "*/test/*.csv"), "shots": ("dev/*.csv", "data/dev/*.csv")},
        hub="haonan-li/cmmlu",
        published={"03b7528b487baba8": "11,582 items of 67 subjects"},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form("题目：{question}\n" + OPTIONS + "答案是：", "{letter}", header=ABOUT + "\n", shots=5),
        "lm-eval": Form("{question|strip}\n" + OPTIONS + "答案：", header=ABOUT + "\n", shots=5, system=True),
        "opencompass": Form("题目：{question}\n" + OPTIONS + "答案是:", after="\n", header=ABOUT, shots=5),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read a subject's CSV; its name says which."""
        subject, kind = CMMLU.get(path.stem, (path.stem, ""))
        for row in read_rows(path):
            choices = tuple(row[letter] for letter in "ABCD")
            fields = {"question": row["Question"], "subject": subject, **dict(zip("ABCD", choices, strict=True))}
            more = {"category": kind, "china": path.stem in CMMLU_CHINA}
            yield Item(fields, choices, "ABCD".index(row["Answer"].strip()), group=path.stem, more=more)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give two subjects of invented items."""
        rows = ",Question,A,B,C,D,Answer\n" + "".join(f"{n},{n}加1等于,{n},{n + 1},{n + 2},零,B\n" for n in range(6))
        names = ("agronomy", "logical")
        return {f"cmmlu/{split}/{name}.csv": rows.encode() for split in ("test", "dev") for name in names}
