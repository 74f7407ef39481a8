"""C-Eval: 52 subjects of Chinese examinations (Huang et al., 2023)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.subjects import CEVAL, CEVAL_HARD
from lmloop.scoring.tables import read_rows

EXAM = "以下是中国关于{subject}考试的单项选择题，请选出其中的正确答案。\n"
SUBJECT = "以下是中国关于{subject}的单项选择题，请选出其中的正确答案。\n"
OPTIONS = "A. {A}\nB. {B}\nC. {C}\nD. {D}\n"
STEPS = "让我们一步一步思考，\n"


class Ceval(Choice):
    """Choose one of four options in 52 subjects, in Chinese, after five solved examples of the subject.

    It asks the validation questions, whose answers were always public. Profiles: ``official`` (nothing between 答案：
    and the letter), ``official-cot`` (the explanation of each example is shown, and the reply is written),
    ``lm-eval`` (without the word 考试, and a space before the letter), ``opencompass`` (the head again before each
    question, and a plain colon). The published score is the plain mean over subjects; C-Eval Hard has eight of them.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc", chance=0.25), *METRICS[1:])
    source: ClassVar[Source] = Source(
        "ceval",
        "CC BY-NC-SA 4.0",
        "https://github.com/hkust-nlp/ceval",
        {
            "test": ("val/*_val.csv", "*/val/*_val.csv", "*/val-*.parquet"),
            "shots": ("dev/*_dev.csv", "*/dev/*_dev.csv", "*/dev-*.parquet"),
        },
        hub="ceval/ceval-exam",
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form("{question}\n" + OPTIONS + "答案：", "{letter}", header=EXAM + "\n", shots=5),
        "official-cot": Form(
            "{question}\n" + OPTIONS + "答案：" + STEPS + "1.",
            "{explanation}\n所以答案是{letter}。",
            shot="{question}\n" + OPTIONS + "答案：" + STEPS,
            header=EXAM + "\n",
            shots=5,
            by="writing",
            max_tokens=512,
            extract="ceval",
        ),
        "lm-eval": Form("{question|strip}\n" + OPTIONS + "答案：", header=SUBJECT + "\n", shots=5, system=True),
        "opencompass": Form(EXAM + "{question}\n" + OPTIONS + "答案:", after="\n", shots=5),
        "opencompass-writing": Form(
            EXAM + "{question}\n" + OPTIONS + "答案: ", "{letter}", after="\n", shots=5, by="writing", extract="capital"
        ),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read a subject's CSV, or its Parquet from the hub in a folder of its name."""
        name = path.parent.name if path.suffix == ".parquet" else path.stem.removesuffix("_val").removesuffix("_dev")
        subject, kind = CEVAL.get(name, (name, ""))
        for row in read_rows(path):
            choices = tuple(row[letter] for letter in "ABCD")
            fields = {
                "question": row["question"],
                "subject": subject,
                "explanation": row.get("explanation") or "",
                **dict(zip("ABCD", choices, strict=True)),
            }
            more = {"category": kind, "hard": name in CEVAL_HARD}
            yield Item(fields, choices, "ABCD".index(row["answer"].strip()), group=name, more=more)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give two subjects of invented items."""
        head = "id,question,A,B,C,D,answer,explanation\n"
        rows = head + "".join(f"{n},{n}加1等于____。,{n},{n + 1},{n + 2},零,B,1. 加一。\n" for n in range(6))
        names = ("logic", "law")
        return {f"ceval/{split}/{name}_{split}.csv": rows.encode() for split in ("val", "dev") for name in names}
