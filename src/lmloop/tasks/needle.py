"""A needle in a haystack: one fact in a long text, at every depth of every length (Kamradt, 2023)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from pydantic import Field, PositiveInt, model_validator

from lmloop.core.errors import DataError
from lmloop.core.model import TEXT
from lmloop.core.record import Record, Turn
from lmloop.core.task import Grade, Metric, Remark
from lmloop.scoring.benchmark import TEST
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item, fill
from lmloop.scoring.tables import read_text
from lmloop.scoring.words import HAN
from lmloop.scoring.writing import Sampled

ENDS = (". ", ".\n", "? ", "! ", "。", "！", "？")


class _Needle(NamedTuple):
    """A fact, the question about it, and what a reply must name."""

    text: str
    question: str
    keys: tuple[str, ...]


NEEDLES = {
    "official": _Needle(
        "The best thing to do in San Francisco is eat a sandwich and sit in Dolores Park on a sunny day.",
        "What is the best thing to do in San Francisco?",
        ("sandwich", "Dolores Park", "sunny day"),
    ),
    "zh": _Needle(
        "老钟表匠把铜钥匙藏在了第七级台阶下面的蓝色陶罐里。", "老钟表匠把铜钥匙藏在了哪里？", ("第七级台阶", "蓝色陶罐")
    ),
}
ASK_EN = "{context}\n\nAnswer from the text above, in one sentence and without adding anything.\n\n{question}\nAnswer:"
ASK_ZH = "{context}\n\n请只根据上面的文字，用一句话回答，不要补充任何内容。\n\n{question}\n回答："


class Needle(Sampled):
    """Find a fact that was put into a long text, for each of ``lengths`` (characters) at each of ``depths`` (percent).

    The haystack is all text files of the data folder, one after another, from the start again where they are too few:
    any essays, novels or manuals of yours do. The fact stands between two sentences. Profiles: ``official`` has the
    fact of the original test, ``zh`` one in Chinese; or set ``fact``, ``asked`` and ``keys``. ``recall`` is the
    share of keys that a reply names, ``found`` whether it names all. A remark holds the map of depth by length.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("recall"), Metric("found"))
    source: ClassVar[Source] = Source(
        "needle_haystack_essays",
        "MIT; the essays are their author's",
        "https://github.com/gkamradt/LLMTest_NeedleInAHaystack",
        {TEST: ("*.txt", "PaulGrahamEssays/*.txt", "**/*.txt", "*.md")},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form(ASK_EN, by="writing", max_tokens=100, metric="recall"),
        "zh": Form(ASK_ZH, by="writing", max_tokens=100, metric="recall"),
    }

    lengths: list[PositiveInt] = Field([1000, 4000, 16000], min_length=1, description="of the text, in characters")
    depths: list[float] = Field([0, 25, 50, 75, 100], min_length=1, description="where the fact stands, in percent")
    fact: str = Field("", description="the fact; empty for the profile's")
    asked: str = Field("", description="the question about it")
    keys: list[str] = Field([], description="what a reply must name")

    @model_validator(mode="after")
    def _whole(self) -> "Needle":
        if len({bool(self.fact), bool(self.asked), bool(self.keys)}) > 1:
            raise ValueError("fact, asked and keys go together")
        if any(not 0 <= depth <= 100 for depth in self.depths):
            raise ValueError("depths are percents, from 0 to 100")
        return self

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read one text of the haystack."""
        yield Item({"text": read_text(path)})

    def questions(self) -> Iterator[Record]:
        """Ask for the fact at each depth of each length.

        Raises:
            DataError: there is no text.
        """
        texts = [item.fields["text"].strip() for item in self.items(TEST)]
        whole = "\n\n".join(text for text in texts if text)
        if not whole:
            raise DataError("the haystack is empty", hint="put some text files into the data folder")
        one, role = self._needle(), "user" if self.chat else TEXT
        for length in self.lengths:
            hay = whole * (length // len(whole) + 1)
            for depth in self.depths:
                text = fill(
                    self.form().item, {"context": _hidden(hay[:length], one.text, depth), "question": one.question}
                )
                meta = {"length": length, "depth": depth, "keys": one.keys, "subject": f"{length:,} at {depth:g} %"}
                yield Record(one.text, (Turn(role, text),), meta=meta)

    def mark(self, record: Record, reply: str) -> tuple[Mapping[str, float], str | None, str]:
        """Count the keys that a reply names."""
        said = reply.casefold()
        named = [key for key in record.meta["keys"] if key.casefold() in said]
        share = len(named) / len(record.meta["keys"])
        return (
            {"recall": share, "found": float(share == 1)},
            reply.strip() or None,
            f"named: {', '.join(named) or 'none'}",
        )

    def remarks(self, grades: Sequence[Grade]) -> list[Remark]:
        """Draw the map: depth down, length across, the mean recall in each field."""
        by = {grade.group: grade.values.get("recall") for grade in grades}
        rows = tuple(
            (f"{depth:g} %", *(by.get(f"{length:,} at {depth:g} %") for length in self.lengths))
            for depth in self.depths
        )
        columns = ("depth", *(f"{length:,}" for length in self.lengths))
        return [Remark("Recall by depth and length (characters)", columns, rows)]

    def protocol(self) -> dict[str, Any]:
        """Say how it asks and judges."""
        return {**super().protocol(), "lengths": self.lengths, "depths": self.depths, "needle": list(self._needle())}

    def _needle(self) -> _Needle:
        if self.fact:
            return _Needle(self.fact, self.asked, tuple(self.keys))
        return NEEDLES[self.profile or "official"]

    @classmethod
    def example(cls) -> "Needle":
        """Give a small one."""
        return cls(lengths=[200, 400], depths=[0, 50, 100])

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a small haystack."""
        return {"needle_haystack_essays/hay.txt": ("Cows eat hay. Horses eat it, too. 牛吃草。\n" * 20).encode()}


def _hidden(hay: str, needle: str, depth: float) -> str:
    """Put a needle into a text, behind the last sentence that ends before its place."""
    place = round(len(hay) * depth / 100)
    if 0 < depth < 100:
        place = max(
            (hay.rfind(end, 0, place) + len(end) for end in ENDS if hay.rfind(end, 0, place) >= 0), default=place
        )
    gap = "" if HAN.search(needle) else " "
    before, after = hay[:place], hay[place:]
    return f"{before}{gap if before and not before[-1].isspace() else ''}{needle}{gap if after else ''}{after}"
