"""PIQA: which of two ways to do a thing works (Bisk et al., 2020)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_lines, read_rows


class Piqa(Choice):
    """Choose which of two solutions to an everyday goal works, by the likelihood of its text, as lm-eval does."""

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc_norm", chance=0.5), Metric("acc", chance=0.5), *METRICS[2:])
    source: ClassVar[Source] = Source(
        "piqa",
        "AFL-3.0",
        "https://yonatanbisk.com/piqa",
        {
            "test": (
                "valid.jsonl",
                "*/valid.jsonl",
                "*/validation-*.parquet",
                "llm_foundry_icl/piqa.jsonl",
                "scripts/eval/local_data/*/piqa.jsonl",
            ),
            "shots": (
                "train.jsonl",
                "*/train.jsonl",
                "*/train-*.parquet",
                "llm_foundry_icl/piqa.jsonl",
                "scripts/eval/local_data/*/piqa.jsonl",
            ),
        },
        hub="baber/piqa",
        published={"59ca0a60699a163e": "1,838 validation items, MosaicML's copy"},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "lm-eval": Form("Question: {question}\nAnswer:", " {choice}", pick="each", spare=1, metric="acc_norm"),
        "letters": Form("Question: {question}\n{options}Answer:", option="{letter}. {choice}\n", pick="each", spare=1),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read upstream's pair of files, the hub's Parquet, or MosaicML's copy."""
        labels = path.with_name(f"{path.stem}-labels.lst")
        known = list(read_lines(labels)) if labels.is_file() else []
        for number, row in enumerate(read_rows(path)):
            if "query" in row:
                question = row["query"].removeprefix("Question: ").removesuffix("\n")
                yield Item({"question": question}, tuple(row["choices"]), int(row["gold"]))
            else:
                label = int(known[number] if known else row["label"])
                yield Item({"question": row["goal"]}, (row["sol1"], row["sol2"]), label)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a few invented items in upstream's layout."""
        row = '{"goal": "To keep soup %d warm,", "sol1": "put a lid on it.", "sol2": "put it in the river."}\n'
        rows = "".join(row % number for number in range(4)).encode()
        return {"piqa/valid.jsonl": rows, "piqa/valid-labels.lst": b"0\n0\n0\n0\n"}
