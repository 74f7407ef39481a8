"""OpenBookQA: elementary science that needs a fact and some sense (Mihaylov et al., 2018)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_rows


class Openbookqa(Choice):
    """Choose one of four ways to go on from a question, by the likelihood of its text, as lm-eval does."""

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc_norm", chance=0.25), Metric("acc", chance=0.25), *METRICS[2:])
    source: ClassVar[Source] = Source(
        "openbookqa",
        "Apache-2.0",
        "https://allenai.org/data/open-book-qa",
        {
            "test": (
                "Data/Main/test.jsonl",
                "*/Data/Main/test.jsonl",
                "main/test-*.parquet",
                "llm_foundry_icl/openbook_qa.jsonl",
                "scripts/eval/local_data/*/openbook_qa.jsonl",
            ),
            "shots": (
                "Data/Main/train.jsonl",
                "*/Data/Main/train.jsonl",
                "main/train-*.parquet",
                "llm_foundry_icl/openbook_qa.jsonl",
                "scripts/eval/local_data/*/openbook_qa.jsonl",
            ),
        },
        hub="allenai/openbookqa",
        published={"2ca90306826d38ae": "500 test items, MosaicML's copy"},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "lm-eval": Form("{question}", " {choice}", pick="each", metric="acc_norm"),
        "letters": Form("{question}\n{options}Answer:", option="{letter}. {choice}\n", pick="each"),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read upstream's JSON Lines, the hub's Parquet, or MosaicML's copy."""
        for row in read_rows(path):
            if "query" in row:
                yield Item({"question": row["query"]}, tuple(row["choices"]), int(row["gold"]))
            elif "question_stem" in row:
                choices = row["choices"]
                answer = list(choices["label"]).index(row["answerKey"].strip())
                yield Item({"question": row["question_stem"]}, tuple(choices["text"]), answer)
            else:
                choices = row["question"]["choices"]
                answer = [choice["label"] for choice in choices].index(row["answerKey"].strip())
                texts = tuple(choice["text"] for choice in choices)
                yield Item({"question": row["question"]["stem"]}, texts, answer)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a few invented items in upstream's layout."""
        row = (
            '{"id": "%d", "question": {"stem": "Bird %d builds", "choices": [{"text": "a nest", "label": "A"}, '
            '{"text": "a bank", "label": "B"}]}, "answerKey": "A"}\n'
        )
        rows = "".join(row % (number, number) for number in range(4)).encode()
        return {"openbookqa/Data/Main/test.jsonl": rows}
