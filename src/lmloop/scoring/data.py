"""Where the data of a benchmark lies: a folder on this machine first, the hub where it is reachable.

A data folder holds a folder for each benchmark, in the layout of its upstream repository (``mmlu/test/...``), or is
itself the folder of one benchmark.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import core_schema

from lmloop.core.errors import DataError
from lmloop.core.outside import resolve

DATA = "LMLOOP_DATA"
"""The environment variable that names the data folder."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the data of a benchmark comes from, and what may be done with it.

    ``folder`` is its name in a data folder; ``splits`` says which files hold a split: patterns below it, of which the
    first that is there counts. ``home`` is the page that it comes from, ``hub`` its name on the Hugging Face hub, where
    it lies there in one of the same layouts. ``published`` holds the digests of items that are known, with what they
    are: so that a score can say that its questions are the published ones.
    """

    folder: str
    licence: str
    home: str
    splits: Mapping[str, Sequence[str]]
    hub: str = ""
    published: Mapping[str, str] = field(default_factory=dict)

    @property
    def commercial(self) -> bool:
        """Whether the licence lets a firm use it: NC (no commerce) does not."""
        return "NC" not in self.licence.replace("-", " ").split()

    def files(self, data: str, split: str) -> list[Path]:
        """Find the files of a split.

        Raises:
            DataError: they are neither in the data folder nor to be had from the hub.
        """
        patterns = self.splits[split]
        folder = data or os.environ.get(DATA, "")
        places = [Path(folder) / self.folder, Path(folder)] if folder else []
        for place in places:
            # a folder with all benchmarks in it has files of others: only names that say whose they are count there
            sure = [name for name in patterns if data or place != places[-1] or not name.startswith("*")]
            if found := _matching(place, sure):
                return found
        if self.hub and not data and (found := _matching(_from_hub(self.hub, patterns), patterns)):
            return found
        tried = f"no {' or '.join(patterns)} in {' or '.join(map(str, places))}" if places else "no folder is named"
        if self.hub and not data:
            tried += f", and the hub does not give {self.hub}"
        raise DataError(
            f"there is no data of {self.folder!r}: {tried}",
            hint=f"get it from {self.home} ({self.licence}), put it into DIR/{self.folder}, and name DIR: "
            f"--data DIR, data = 'DIR' in a recipe, or {DATA}=DIR",
        )


class DataFolder(str):
    """The name of a data folder, as a setting: relative to the recipe; empty for the one that LMLOOP_DATA names."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(cls.found, core_schema.str_schema())

    @classmethod
    def found(cls, name: str) -> "DataFolder":
        """Find the folder that a recipe means; raises a ValueError where there is none."""
        if not name:
            return cls()
        path = resolve(name)
        if not path.is_dir():
            raise ValueError(f"there is no folder {path}")
        return cls(path)


@contextmanager
def data_in(folder: Path | str) -> Iterator[None]:
    """While open, benchmarks find their data in this folder, in this process and in those that it starts."""
    before = os.environ.get(DATA)
    os.environ[DATA] = str(Path(folder).resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ[DATA]
        else:
            os.environ[DATA] = before


def _matching(folder: Path, patterns: Sequence[str]) -> list[Path]:
    for pattern in patterns:
        if found := sorted(path for path in folder.glob(pattern) if path.is_file()):
            return found
    return []


def _from_hub(name: str, patterns: Sequence[str]) -> Path:
    """Fetch the files of a data set, or take them from the hub's cache on this machine."""
    try:
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(name, repo_type="dataset", allow_patterns=[*patterns], etag_timeout=5))
    except Exception:  # no package, no network, no such data set: each has errors of its own, and all mean "not there"
        return Path(os.devnull)
