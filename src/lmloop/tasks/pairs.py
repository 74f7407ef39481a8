"""Minimal pairs: which of two sentences is the better one? BLiMP and its kin (Warstadt et al., 2020)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_rows


class Pairs(Choice):
    """See whether the good one of two sentences that differ little is the likelier.

    Each file is a paradigm: JSON Lines (or CSV, Parquet) with ``sentence_good`` and ``sentence_bad``, as in BLiMP,
    in its translations, and in whatever you make alike. Nothing stands before a sentence;
    ``lm-eval`` begins each with a space.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc", chance=0.5), *METRICS[1:])
    source: ClassVar[Source] = Source(
        "blimp",
        "CC BY 4.0",
        "https://github.com/alexwarstadt/blimp",
        {"test": ("data/*.jsonl", "*/train-*.parquet", "*.jsonl", "*.csv")},
        hub="nyu-mll/blimp",
    )
    forms: ClassVar[Mapping[str, Form]] = {"official": Form("", "{choice}"), "lm-eval": Form("", " {choice}")}

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read a paradigm."""
        name = path.parent.name if path.suffix == ".parquet" else path.stem
        for row in read_rows(path):
            more = {"category": row.get("linguistics_term") or ""}
            yield Item({}, (row["sentence_good"], row["sentence_bad"]), 0, group=name, more=more)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a paradigm in English and one in Chinese, of invented pairs."""
        row = '{"sentence_good": "Bird %d sings.", "sentence_bad": "Bird %d sing."}\n'
        chinese = '{"sentence_good": "他有%d本书。", "sentence_bad": "他有%d书本。"}\n'
        return {
            "blimp/data/agreement.jsonl": "".join(row % (n, n) for n in range(4)).encode(),
            "blimp/data/measure_words.jsonl": "".join(chinese % (n, n) for n in range(4)).encode(),
        }
