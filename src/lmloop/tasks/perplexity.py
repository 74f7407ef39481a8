"""Perplexity: how many bits a model needs for each byte of a text, in English, Chinese or code alike."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, NonNegativeInt, PositiveInt

from lmloop.core.model import Reply, Request, Scores, Scoring, text_prompt
from lmloop.core.outside import resolve
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric
from lmloop.scoring.benchmark import Benchmark
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_rows, read_text

ROWS = (".jsonl", ".json", ".csv", ".parquet")


class Perplexity(Benchmark):
    """Score whole texts: ``bits_per_byte`` does not depend on a tokenizer, so that any two models can be compared.

    ``files`` are text files, each one text, or files of records, whose ``column`` holds a text a row; folders hold
    such files. A long text is scored in pieces of ``piece`` characters, each after the ``context`` characters before
    it; a piece ends at a white space where there is one. Grades weigh by their bytes: the weighted mean is that of
    the whole corpus. ``nll_per_token`` weighs by bytes, too, and is only comparable between models of one tokenizer.
    """

    needs: ClassVar[tuple[type, ...]] = (Scores,)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("bits_per_byte", higher=False, most=None),
        Metric("nll_per_token", higher=False, most=None),
    )
    source: ClassVar[Source] = Source("own", "your own", "your own files", {})
    forms: ClassVar[Mapping[str, Form]] = {"whole": Form("", "{target}")}

    files: list[str] = Field(["texts"], min_length=1)
    column: str = "text"
    piece: PositiveInt = 2000
    context: NonNegativeInt = 1000

    def paths(self, split: str) -> list[Path]:
        """Find the files beside the recipe, or in the data folder."""
        found: list[Path] = []
        for name in self.files:
            path = resolve(name)
            if path.is_dir():
                found += sorted(inner for inner in path.rglob("*") if inner.is_file())
            else:
                found += [path] if path.is_file() else self.place().files(self.data, name)
        return found

    def place(self) -> Source:
        """Give the place of the files: a name stands for itself, or for all files of a folder of that name."""
        splits = {name: (name, f"{name}/**/*") for name in self.files}
        return Source("own", "your own", "your own files", {**splits, "test": ()})

    def reading(self) -> dict[str, Any]:
        """Name what decides which text and which pieces are read."""
        return {"column": self.column, "piece": self.piece, "context": self.context}

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read a text file, or the texts of a file of records, in pieces."""
        rows = path.name.removesuffix(".gz").endswith(ROWS)
        for number, text in enumerate((row[self.column] for row in read_rows(path)) if rows else [read_text(path)]):
            place, name = 0, f"{path.name}:{number}"
            while place < len(text):
                end = _end(text, place, self.piece)
                fields = {"before": text[max(0, place - self.context) : place]}
                yield Item(fields, target=text[place:end], group=path.stem, cluster=name)
                place = end

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        """Ask how likely a piece is after what stands before it."""
        return [] if said else [Scoring(text_prompt(str(record.meta["before"])), record.text)]

    def question(self, form: Form, item: Item, shots: Sequence[Item], name: str) -> Record:
        """Make the record of a piece."""
        meta = {"subject": item.group, "cluster": item.cluster, "before": item.fields["before"]}
        return Record(item.target, text_prompt(item.fields["before"]), meta=meta, id=name)

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """Give the bits that each byte of a piece needs; it weighs as many as it has."""
        reply, group, cluster = said[0], str(record.meta["subject"]), str(record.meta["cluster"])
        if reply.error or reply.logprob is None:
            why = reply.error or "no likelihood"
            return Grade(record.id, {}, why, failed=True, group=group, cluster=cluster)
        size = len(record.text.encode("utf-8", "surrogatepass"))
        values = {"bits_per_byte": -reply.logprob / math.log(2) / size}
        if reply.tokens:
            values["nll_per_token"] = -reply.logprob / reply.tokens
        why = f"{-reply.logprob:.1f} nats for {size} bytes"
        return Grade(record.id, values, why, group=group, cluster=cluster, weight=float(size))

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a text in English and one in Chinese."""
        return {"texts/a.txt": b"The cat sat on the mat. " * 4, "texts/b.txt": "猫坐在垫子上。".encode() * 4}


def _end(text: str, start: int, size: int) -> int:
    """Find where a piece ends: behind the last white space in its second half, or where it is full."""
    end = min(start + size, len(text))
    if end == len(text):
        return end
    space = max(text.rfind(" ", start + size // 2, end), text.rfind("\n", start + size // 2, end))
    return space if space > start else end
