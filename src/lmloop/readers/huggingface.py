"""Data sets of the Hugging Face hub, by name, or of a local mirror of it."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

import pyarrow as pa
import pyarrow.parquet as pq

from lmloop.core.batch import Batch
from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.core.files import expand
from lmloop.core.reader import Reject, Source
from lmloop.formats.fields import ColumnReader
from lmloop.formats.parquet import PARQUET, column_batches, cut_groups

HUB = "hf://datasets"
CONVERTED = "@refs%2Fconvert%2Fparquet"
"""The branch in which the hub keeps nearly every public data set as Parquet, by configuration and split."""

HINT = "without a network, copy it to this machine and name the folder: hub = 'mirror', or use the reader parquet"


class Huggingface(ColumnReader):
    """Read a data set of the Hugging Face hub by its name: its Parquet files, without copying them first.

    ``files`` are names of data sets (``user/name``). ``config`` and ``split`` choose a part of each. ``hub`` is where
    data sets are: the hub itself (or the one that HF_ENDPOINT names), or a folder that holds them under their names.
    """

    formats: ClassVar[tuple[str, ...]] = ()

    config: str = "*"
    split: str = "train"
    hub: str = HUB

    @classmethod
    def example(cls) -> Self:
        """Give one that reads a mirror in the folder at hand."""
        return cls(files=["user/example"], hub="mirror")

    def sources(self, base: Path) -> Iterator[Source]:
        """List the Parquet files of the data sets.

        Raises:
            DataError: there is no such data set, or the hub cannot be reached.
        """
        if self.hub == HUB:
            need("huggingface_hub", "ingest")
        for name in self.files:
            try:
                yield from self._files(name, base)
            except DataError as bad:
                raise DataError(f"the data set {name!r} cannot be read: {bad.message}", hint=HINT) from None

    def cut(self, source: Source, size: int) -> Iterator[Source]:
        """Cut a large file at its row groups."""
        return cut_groups(source, size)

    def read_batches(self, source: Source) -> "Iterator[Batch | Reject]":
        """Give the rows of a file, a few thousand at a time."""
        return column_batches(self, source)

    def _files(self, name: str, base: Path) -> list[Source]:
        if self.hub == HUB:
            return list(expand([f"{HUB}/{name}{CONVERTED}/{self.config}/{self.split}/*.parquet"], base, PARQUET))
        found = list(expand([f"{self.hub}/{name}"], base, PARQUET))
        chosen = [source for source in found if self._is_chosen(source.name)]
        if not chosen:
            raise DataError(f"it has no Parquet file of the split {self.split!r}")
        return chosen

    def _is_chosen(self, name: str) -> bool:
        """Say whether a file is of the split and configuration: a part of its path, or the head of its name."""
        *folders, last = name.split("/")
        split = self.split in ("*", *folders) or last.startswith(f"{self.split}-") or Path(last).stem == self.split
        return split and (self.config in ("*", *folders))

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a small mirror."""
        made = io.BytesIO()
        pq.write_table(pa.table({"text": ["One.", "二。"]}), made)
        return {"mirror/user/example/data/train-00000-of-00001.parquet": made.getvalue()}
