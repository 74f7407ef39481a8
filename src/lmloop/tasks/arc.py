"""ARC: questions of school science, in an easy and a hard set (Clark et al., 2018)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_rows

LICENCE = "CC BY-SA 4.0"
HOME = "https://allenai.org/data/arc"
PUBLISHED = {
    "be6c217d96d2b477": "1,172 items of the challenge set, MosaicML's copy",
    "fa9e4412174edada": "2,376 items of the easy set, MosaicML's copy",
}


class Arc(Choice):
    """Choose the answer to a question of science by the likelihood of its text.

    Both profiles show each item other solved examples, drawn from the training set: ``lm-eval`` none unless ``shots``
    says so, ``leaderboard-v1`` 25. Where the training set is not there, examples come from the other test items,
    which the score's protocol then says. ``letters`` lists the options and compares the likelihoods of
    their letters; ``opencompass`` lists them and reads a reply.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc_norm", chance=0.25), Metric("acc", chance=0.25), *METRICS[2:])
    source: ClassVar[Source] = Source("arc", LICENCE, HOME, {}, hub="allenai/ai2_arc")
    forms: ClassVar[Mapping[str, Form]] = {
        "lm-eval": Form("Question: {question}\nAnswer:", " {choice}", pick="each", metric="acc_norm"),
        "leaderboard-v1": Form("Question: {question}\nAnswer:", " {choice}", pick="each", shots=25, metric="acc_norm"),
        "opencompass": Form(
            "Question: {question}\n{options}Answer:",
            " {letter}",
            option="{letter}. {choice}\n",
            by="writing",
            extract="letter",
        ),
        "letters": Form("Question: {question}\n{options}Answer:", option="{letter}. {choice}\n", pick="each"),
    }

    level: Literal["challenge", "easy"] = Field("challenge", description="which of the two sets")

    def place(self) -> Source:
        """Give the place of the chosen set: upstream's JSON Lines, the hub's Parquet, or MosaicML's copy of it."""
        name = f"ARC-{self.level.capitalize()}"

        def split(upstream: str, hub: str) -> tuple[str, ...]:
            return (f"{name}/{name}-{upstream}.jsonl", f"*/{name}/{name}-{upstream}.jsonl", f"{name}/{hub}-*.parquet")

        copied = (f"llm_foundry_icl/arc_{self.level}.jsonl", f"scripts/eval/local_data/*/arc_{self.level}.jsonl")
        splits = {"test": (*split("Test", "test"), *copied), "shots": (*split("Train", "train"), *copied)}
        return Source("arc", LICENCE, HOME, splits, "allenai/ai2_arc", PUBLISHED)

    def reading(self) -> dict[str, Any]:
        """Name the set that is read."""
        return {"level": self.level}

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read items; what is not one question with its choices is no item."""
        for row in read_rows(path):
            if "query" in row:
                question = row["query"].removeprefix("Question: ")
                yield Item({"question": question}, tuple(row["choices"]), int(row["gold"]))
                continue
            inner = row["question"] if isinstance(row["question"], dict) else {**row, "stem": row["question"]}
            choices = inner["choices"]
            if isinstance(choices, dict):
                labels, texts = choices["label"], choices["text"]
            else:
                labels, texts = [choice["label"] for choice in choices], [choice["text"] for choice in choices]
            yield Item({"question": inner["stem"]}, tuple(texts), list(labels).index(row["answerKey"]))

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a few invented items in upstream's layout."""
        row = (
            '{"id": "x%d", "question": {"stem": "Which is made %d?", "choices": [{"text": "ice", "label": "A"}, '
            '{"text": "steam", "label": "B"}]}, "answerKey": "B"}\n'
        )
        rows = "".join(row % (number, number) for number in range(4)).encode()
        return {f"arc/ARC-Challenge/ARC-Challenge-{split}.jsonl": rows for split in ("Test", "Train")}
