"""HellaSwag: which sentence goes on (Zellers et al., 2019)."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_lines, read_rows

BRACKETS = re.compile(r"\[.*?\]")
ENDINGS = 4
CHOOSE = "You may choose from 'A', 'B', 'C', 'D'.\nAnswer:"


class Hellaswag(Choice):
    """Choose the likeliest of four endings of a description.

    ``lm-eval`` begins with the activity, capitalises the second sentence, takes out marks of WikiHow and divides the
    likelihood by the length of the ending (``acc_norm``); ``leaderboard-v1`` is the same after ten examples;
    ``completion`` has the bare context and divides by tokens, as llm.c does; ``opencompass``
    lists the endings and reads a reply. The text copy of the validation split
    (six lines an item) has lost where the second sentence begins, so that nothing is capitalised there.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc_norm", chance=0.25), Metric("acc", chance=0.25), *METRICS[2:])
    source: ClassVar[Source] = Source(
        "hellaswag",
        "MIT",
        "https://github.com/rowanz/hellaswag",
        {
            "test": ("data/hellaswag_val.jsonl", "data/validation-*.parquet", "hellaswag_val*.txt.bz2"),
            "shots": ("data/hellaswag_train.jsonl", "data/train-*.parquet", "hellaswag_val*.txt.bz2"),
        },
        hub="Rowan/hellaswag",
        published={"4af048088082e987": "10,042 validation items, the text copy"},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "lm-eval": Form("{query}", " {choice}", pick="each", spare=1, metric="acc_norm"),
        "leaderboard-v1": Form("{query}", " {choice}", pick="each", spare=1, shots=10, metric="acc_norm"),
        "opencompass": Form(
            "{context}\nQuestion: Which ending makes the most sense?\n{options}" + CHOOSE,
            " {letter}",
            option="{letter}. {choice}\n",
            by="writing",
            extract="letter",
        ),
        "completion": Form("{context}", " {choice}", pick="each", spare=1, metric="acc_token"),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read upstream's JSON Lines, the hub's Parquet, or the text copy."""
        if path.name.endswith(".txt.bz2"):
            yield from _text_items(path)
            return
        for row in read_rows(path):
            context = f"{row['ctx_a']} {row['ctx_b'].capitalize()}"
            fields = {"query": _clean(f"{row['activity_label']}: {context}"), "context": row["ctx"]}
            choices = tuple(map(_clean, row["endings"]))
            yield Item(fields, choices, int(row["label"]), cluster=str(row.get("source_id", "")))

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a few invented items in upstream's layout."""
        row = (
            '{"ind": %d, "activity_label": "Making tea", "ctx_a": "Water number %d boils.", "ctx_b": "the cook", '
            '"ctx": "Water number %d boils. the cook", "label": 2, '
            '"endings": ["sings.", "[step] sleeps.", "pours it on leaves.", "leaves."]}\n'
        )
        rows = "".join(row % (number, number, number) for number in range(4)).encode()
        return {"hellaswag/data/hellaswag_val.jsonl": rows, "hellaswag/data/hellaswag_train.jsonl": rows}


def _text_items(path: Path) -> Iterator[Item]:
    lines = list(read_lines(path))
    for start in range(0, len(lines) - ENDINGS - 1, ENDINGS + 2):
        query, label, *endings = lines[start : start + ENDINGS + 2]
        choices = tuple(map(_clean, endings))
        yield Item({"query": _clean(query), "context": query.partition(": ")[2]}, choices, int(label))


def _clean(text: str) -> str:
    """Take out what WikiHow left, as lm-eval does: the order of the steps matters."""
    return BRACKETS.sub("", text.strip().replace(" [title]", ". ")).replace("  ", " ")
