"""MMLU-Pro: harder questions in 14 fields, with up to ten options (Wang et al., 2024)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_rows

ABOUT = (
    "The following are multiple choice questions (with answers) about {subject}. Think step by step and then finish "
    'your answer with "the answer is (X)" where X is the correct letter choice.\n'
)
STEPS = "Let's think step by step."


class MmluPro(Choice):
    """Choose one of up to ten options in 14 fields, after five solved examples of the field.

    Profiles: ``official`` shows worked examples and searches the written reply for ``answer is (X)`` and, failing
    that, for the last letter; ``lm-eval`` searches for ``answer is`` only and has no empty lines after the head;
    ``leaderboard-v2`` compares the likelihoods of the letters.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc", chance=0.1), *METRICS[1:])
    source: ClassVar[Source] = Source(
        "mmlu_pro",
        "MIT",
        "https://github.com/TIGER-AI-Lab/MMLU-Pro",
        {
            "test": ("data/test-*.parquet", "test.jsonl", "test*.parquet"),
            "shots": ("data/validation-*.parquet", "validation.jsonl", "validation*.parquet"),
        },
        hub="TIGER-Lab/MMLU-Pro",
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form(
            "Question:\n{question}\nOptions:\n{options}Answer: " + STEPS,
            "{steps}",
            option="{letter}. {choice}\n",
            header=ABOUT + "\n\n",
            shots=5,
            by="writing",
            stop=("Question:",),
            max_tokens=2048,
            extract="mmlu-pro",
        ),
        "lm-eval": Form(
            "Question:\n{question}\nOptions:\n{options}Answer: " + STEPS,
            "{steps}",
            option="{letter}. {choice|strip}\n",
            header=ABOUT,
            system=True,
            shots=5,
            by="writing",
            stop=("Question:",),
            max_tokens=2048,
            extract="answer-is",
        ),
        "leaderboard-v2": Form("{question}\n{options}Answer:", option="{letter}. {choice}\n", shots=5),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read the hub's Parquet, or the same rows as JSON Lines."""
        for row in read_rows(path):
            steps = (row.get("cot_content") or "").removeprefix("A: ").removeprefix(STEPS)
            fields = {"question": row["question"], "subject": row["category"], "steps": steps}
            choices = tuple(choice for choice in row["options"] if choice != "N/A")
            yield Item(fields, choices, int(row["answer_index"]), group=row["category"])

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give two fields of invented items."""
        row = (
            '{"question": "What is %d and one more?", "options": ["%d", "ten", "none"], "answer": "A", '
            '"answer_index": 0, "cot_content": "A: Let\'s think step by step. One more. The answer is (A).", '
            '"category": "%s"}\n'
        )
        rows = "".join(row % (n, n + 1, name) for name in ("math", "law") for n in range(6)).encode()
        return {"mmlu_pro/test.jsonl": rows, "mmlu_pro/validation.jsonl": rows}
