"""A benchmark: a task whose items are data, put in one of several published forms."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from lmloop.core.errors import DataError, RecipeError, closest
from lmloop.core.record import Record
from lmloop.core.task import Task
from lmloop.scoring.data import DataFolder, Source
from lmloop.scoring.form import Chat, Form, Item, prompt, put, right

TEST, SHOTS = "test", "shots"
"""The splits: what is asked, and what shots are taken from."""


class Benchmark(Task):
    """A task whose items lie in files: a benchmark says where (``source``), in which ``forms``, and reads them.

    The first of its forms is the default profile. Nothing is fetched before items are asked for.
    """

    source: ClassVar[Source]
    forms: ClassVar[Mapping[str, Form]]

    data: DataFolder = Field(
        DataFolder(), description="the folder with the data, in its upstream layout; else the one LMLOOP_DATA names"
    )
    profile: str = Field("", description="whose form of prompt and scoring; empty for the first that it has")
    shots: NonNegativeInt | None = Field(None, description="how many solved examples are shown; else the profile's")
    limit: PositiveInt | None = Field(None, description="ask at most so many items of each subject")
    seed: int = Field(1234, description="draws shots, where the profile draws them")
    chat: Chat = Field(False, description="ask in a user's turn; 'turns': the shots as turns, too")
    subjects: list[str] = Field([], description="ask only these subjects; empty for all")

    @model_validator(mode="after")
    def _known(self) -> "Benchmark":
        if self.profile and self.profile not in self.forms:
            raise ValueError(f"there is no profile {self.profile!r}; there are: {', '.join(self.forms)}")
        return self

    @abstractmethod
    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read the items of a file of a split."""

    def place(self) -> Source:
        """Say where its items are, as it is set; most benchmarks are in one place."""
        return self.source

    def form(self) -> Form:
        """Give the form that items are put in: the profile's, with its number of shots changed where one is set."""
        form = self.forms[self.profile] if self.profile else next(iter(self.forms.values()))
        return form if self.shots is None else replace(form, shots=self.shots)

    def items(self, split: str) -> list[Item]:
        """Load the items of a split, of the chosen subjects, in the order of the files.

        Raises:
            DataError: the data is not there or broken.
            RecipeError: there is no such subject.
        """
        if split not in self.place().splits:
            return []
        paths = self.paths(split)
        stamps = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
        items = _load(type(self), json.dumps(self.reading()), split, stamps)
        if not self.subjects:
            return items
        known = {item.group for item in items}
        for subject in self.subjects:
            if subject not in known and split == TEST:
                raise RecipeError(f"{self.name()} has no subject {subject!r}", hint=closest(subject, known))
        return [item for item in items if item.group in self.subjects]

    def paths(self, split: str) -> list[Path]:
        """Find the files of a split.

        Raises:
            DataError: they are not there.
        """
        return self.place().files(self.data, split)

    def reading(self) -> dict[str, Any]:
        """Give those settings that change what :meth:`read` gives; most benchmarks have none."""
        return {}

    def pool(self, group: str) -> list[Item]:
        """List what shots for an item of a group are taken from: items of the same group where there are enough.

        A benchmark without items for shots shows others of those that it asks.
        """
        items = self.items(TEST if self.shares_pool() else SHOTS)
        same = [item for item in items if item.group == group]
        return same if len(same) >= self.form().shots + int(self.shares_pool()) else items

    def shares_pool(self) -> bool:
        """Say whether shots are taken from the items that are asked."""
        splits = self.place().splits
        return SHOTS not in splits or self.paths(SHOTS) == self.paths(TEST)

    def questions(self) -> Iterator[Record]:
        """Put each item into its form.

        Raises:
            DataError: the data is not there or broken, or there are too few shots.
        """
        form, taken, ids = self.form(), dict[str, int](), set[str]()
        shows: dict[str, _Shots] = {}
        for item in self.items(TEST):
            taken[item.group] = taken.get(item.group, 0) + 1
            if self.limit is not None and taken[item.group] > self.limit:
                continue
            if item.group not in shows:
                shows[item.group] = _Shots(self, form, item.group)
            yield self.question(form, item, shows[item.group].shown(item), _new_id(item, ids))

    def question(self, form: Form, item: Item, shots: Sequence[Item], name: str) -> Record:
        """Make the record of an item: its prompt, its choices, and in ``meta`` what its grading needs."""
        meta = {"subject": item.group, "cluster": item.cluster, "question": put(form, item), **item.more}
        target = right(form, item) if item.answer is not None or item.target else ""
        return Record(target, prompt(form, item, shots, self.chat), item.choices, item.answer, meta, name)

    def identity(self) -> dict[str, Any]:
        """Tell its results from another's: what the data holds counts, where it lies does not."""
        own = super().identity()
        said = self.protocol()
        return {**own, "profile": said["profile"], "data": said["data"], "pool": said["pool"]}

    def protocol(self) -> dict[str, Any]:
        """Say how it asks and judges, as plain JSON, field by field."""
        form = {key: value for key, value in asdict(self.form()).items() if key != "letters"}
        return {
            "benchmark": self.name(),
            "version": self.version,
            "profile": self.profile or next(iter(self.forms)),
            **self.reading(),
            **form,
            "stop": list(self.form().stop),
            "seed": self.seed if self.form().pick != "first" else None,
            "chat": self.chat,
            "bos": "as the model's own tokenizer puts it",
            "limit": self.limit,
            "subjects": sorted(self.subjects),
            "data": self.digest(TEST),
            "pool": self.digest(TEST if self.shares_pool() else SHOTS) if self.form().shots else None,
        }

    def digest(self, split: str) -> str:
        """Digest the items of a split, so that two layouts of the same data are the same data."""
        return digest_of(self.items(split))

    def published(self) -> str:
        """Say which published data it reads; empty where its digest is not known."""
        return self.place().published.get(self.digest(TEST), "")


class _Shots:
    """The solved examples that the items of a group are shown, drawn one item after another."""

    def __init__(self, benchmark: Benchmark, form: Form, group: str) -> None:
        self.form, self.seed = form, benchmark.seed
        self.pool = benchmark.pool(group) if form.shots else []
        self.draw = Random(self.seed)
        # one more is drawn where the item itself may be among them
        self.count = form.shots and form.shots + max(form.spare, int(benchmark.shares_pool()))
        if len(self.pool) < self.count:
            raise DataError(
                f"{benchmark.name()} has too few items for {form.shots} shots: {len(self.pool)}",
                hint="set fewer: shots = 0",
            )

    def shown(self, item: Item) -> list[Item]:
        if not self.count:
            return []
        if self.form.pick == "first":
            drawn = self.pool[: self.count]
        else:
            drawn = (self.draw if self.form.pick == "each" else Random(self.seed)).sample(self.pool, self.count)
        return [other for other in drawn if other is not item][: self.form.shots]


def digest_of(items: Iterable[Item]) -> str:
    """Digest items by their content, in order."""
    digest = hashlib.blake2b(digest_size=8)
    for item in items:
        digest.update(item_id(item).encode())
    return digest.hexdigest()


def item_id(item: Item) -> str:
    """Name an item by its content: the same for any layout of its files and any form it is put in."""
    body = [dict(item.fields), item.choices, item.answer, item.target, item.group]
    return hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=8).hexdigest()


def _new_id(item: Item, taken: set[str]) -> str:
    """Name an item; of those with equal content, each but the first by its number, too."""
    first = name = item_id(item)
    number = 1
    while name in taken:
        number += 1
        name = f"{first}-{number}"
    taken.add(name)
    return name


def _sound(item: Item) -> Item:
    """See that an item is one: a file in the right layout may still have a number, or nothing, where a text belongs."""
    texts = (*item.choices, item.target, item.group, item.cluster)
    if odd := [text for text in texts if not isinstance(text, str)]:
        raise ValueError(f"{odd[0]!r} where a text belongs")
    if item.answer is not None and not 0 <= item.answer < len(item.choices):
        raise ValueError(f"the answer {item.answer} is none of {len(item.choices)} choices")
    return item


@lru_cache(maxsize=8)
def _load(part: type[Benchmark], reading: str, split: str, stamps: tuple[tuple[str, int, int], ...]) -> list[Item]:
    # only what reading needs is known here: other settings, which may have no default, are not
    benchmark = part.model_construct(**json.loads(reading))
    found = []
    for name, _, _ in stamps:
        path = Path(name)
        try:
            found += [_sound(item) for item in benchmark.read(path, split)]
        except (KeyError, ValueError, IndexError, TypeError, AttributeError) as bad:
            raise DataError(
                f"{path} is not in the layout of {part.name()}: {type(bad).__name__} {bad}",
                hint=f"its layout is that of {benchmark.place().home}",
            ) from None
    return found
