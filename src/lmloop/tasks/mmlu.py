"""MMLU: 57 subjects of school and university, four options each (Hendrycks et al., 2021)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_cells, read_rows

ABOUT = "The following are multiple choice questions (with answers) about"
OPTIONS = "A. {A}\nB. {B}\nC. {C}\nD. {D}\n"
LAST_LINE = (
    "Answer the following multiple choice question. The last line of your response should be of the following format: "
    "'ANSWER: $LETTER' (without quotes) where LETTER is one of ABCD. Think step by step before answering.\n\n"
)
SINGLE = "There is a single choice question about {subject}. Answer the question by replying A, B, C or D.\n"


class Mmlu(Choice):
    """Choose one of four options in 57 subjects, after five solved examples of the subject.

    Profiles: ``official`` is the prompt of the authors' script, which writes two spaces before the subject;
    ``lm-eval`` writes one and strips the question; ``opencompass`` has one line end between examples;
    ``opencompass-writing`` asks for a letter to be written, ``opencompass-cot`` for steps and a last line with the
    letter, without examples: meant for chat models, with ``chat`` set. The Open LLM Leaderboard v1 took the plain
    mean over subjects of ``lm-eval``.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc", chance=0.25), *METRICS[1:])
    source: ClassVar[Source] = Source(
        "mmlu",
        "MIT",
        "https://github.com/hendrycks/test",
        {
            "test": ("test/*_test.csv", "data/test/*_test.csv", "all/test-*.parquet"),
            "shots": ("dev/*_dev.csv", "data/dev/*_dev.csv", "all/dev-*.parquet"),
        },
        hub="cais/mmlu",
        published={"1e0fa987b5bff618": "14,042 items of 57 subjects"},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form("{question}\n" + OPTIONS + "Answer:", header=ABOUT + "  {subject}.\n\n", shots=5),
        "lm-eval": Form(
            "{question|strip}\n" + OPTIONS + "Answer:", header=ABOUT + " {subject}.\n\n", shots=5, system=True
        ),
        "opencompass": Form(
            "{question|strip}\n" + OPTIONS + "Answer:", header=ABOUT + "  {subject}.\n\n", after="\n", shots=5
        ),
        "opencompass-writing": Form(
            SINGLE + "Q: {question|strip}\n" + OPTIONS + "A: ",
            "{letter}",
            shot=SINGLE + "Question: {question|strip}\n" + OPTIONS + "Answer: ",
            after="\n",
            shots=5,
            by="writing",
            extract="letter",
        ),
        "opencompass-cot": Form(
            LAST_LINE + "{question|strip}\n\nA) {A}\nB) {B}\nC) {C}\nD) {D}",
            "{letter}",
            by="writing",
            max_tokens=2048,
            extract="letter",
        ),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read upstream's CSV without a header, a copy of it with one, or the hub's Parquet."""
        if path.suffix == ".parquet":
            for row in read_rows(path):
                yield _item(row["subject"], row["question"], row["choices"], int(row["answer"]))
            return
        subject = path.stem.removesuffix("_test").removesuffix("_dev")
        for question, *choices, answer in read_cells(path):
            if answer.lower() != "answer":
                yield _item(subject, question, choices, int(answer) if answer.isdigit() else "ABCD".index(answer))

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give two subjects of invented items."""
        rows = "".join(f'"{n}, and one more?",{n},{n + 1},{n + 2},{n + 3},B\n' for n in range(6)).encode()
        names = ("made_arithmetic", "made_counting")
        return {f"mmlu/{split}/{name}_{split}.csv": rows for split in ("test", "dev") for name in names}


def _item(subject: str, question: str, choices: list[str], answer: int) -> Item:
    fields = {"question": question, "subject": subject.replace("_", " "), **dict(zip("ABCD", choices, strict=True))}
    return Item(fields, tuple(choices), answer, group=subject)
