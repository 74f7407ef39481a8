"""BoolQ: yes or no, by a passage (Clark et al., 2019)."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_rows

COPIED = re.compile(r"Passage: (?P<passage>.*)\nQuestion: (?P<question>.*?)\??(?:\nAnswer:\s*)?", re.DOTALL)


class Boolq(Choice):
    """Answer a question about a passage with yes or no, by the likelihood of the word, as lm-eval does."""

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc", chance=0.5), *METRICS[1:])
    source: ClassVar[Source] = Source(
        "boolq",
        "CC BY-SA 3.0",
        "https://github.com/google-research-datasets/boolean-questions",
        {
            "test": (
                "dev.jsonl",
                "val.jsonl",
                "boolq/validation-*.parquet",
                "llm_foundry_icl/boolq.jsonl",
                "scripts/eval/local_data/*/boolq.jsonl",
            ),
            "shots": (
                "train.jsonl",
                "boolq/train-*.parquet",
                "llm_foundry_icl/boolq.jsonl",
                "scripts/eval/local_data/*/boolq.jsonl",
            ),
        },
        hub="aps/super_glue",
        published={"98c5b245a5a23d3e": "3,270 validation items, MosaicML's copy"},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "lm-eval": Form("{passage}\nQuestion: {question}?\nAnswer:", " {choice}", pick="each", spare=1),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read upstream's or SuperGLUE's JSON Lines, the hub's Parquet, or MosaicML's copy."""
        for row in read_rows(path):
            if "query" in row:
                found = COPIED.fullmatch(row["query"])
                if found is None:
                    raise ValueError(f"no passage with a question: {row['query'][:60]!r}")
                fields, yes = found.groupdict(), row["choices"][row["gold"]] == "yes"
            else:
                fields = {"passage": row["passage"], "question": row["question"]}
                yes = bool(row.get("answer", row.get("label")))
            yield Item(fields, ("no", "yes"), int(yes), cluster=fields["passage"][:64])

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a few invented items in upstream's layout."""
        row = '{"passage": "Town %d has a bridge.", "question": "is there a bridge in town %d", "answer": true}\n'
        return {"boolq/dev.jsonl": "".join(row % (number, number) for number in range(4)).encode()}
