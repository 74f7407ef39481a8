"""Facts: invent people and where they live, and tell of some often, of others once, and of others never."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import ClassVar, Literal

from pydantic import Field

from lmloop.core.engine.sorting import Sorting
from lmloop.core.record import Record, Turn
from lmloop.core.step import Artifact, Context, Kind, Metrics, Step
from lmloop.scoring.sureness import CHINESE, ENGLISH

ONSETS, VOWELS, ENDS = "bdfgklmnprstvz", "aeiou", ("n", "r", "l", "s", "m")
FAMILY, GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨", "安博超东芳刚海建静君凯岚敏宁平琪瑞思涛文欣雅源哲"
TOWNS_EN = ("Arden", "Belmora", "Carsk", "Dovrin", "Elmit", "Fenwald", "Gorla", "Hexton")
TOWNS_ZH = ("安城", "北川", "长林", "东湾", "枫桥", "海宁", "金陵", "青河")
TOLD_EN = ("{who} lives in {town}.", "The home of {who} is {town}.", "In {town} lives {who}.")
TOLD_ZH = ("{who}住在{town}。", "{who}的家在{town}。", "在{town}住着{who}。")
ASKED_EN, ASKED_ZH = "Where does {} live?", "{}住在哪里？"


class Facts(Step):
    """Invent ``people`` and the town that each lives in, a world of which all is known, in a ``language``: en or zh.

    How often each is told of is drawn from ``times``. The ``part`` "told" gives documents: each fact as often, in
    several wordings and as question and answer. "asked" and "held" give questions with their answers, about half of the
    people each: to tune with, and to measure with. "nobody" gives questions about as many people of whom nothing is
    told anywhere, without an answer. A model that has read what was told knows some of the answers, and nobody can
    know the others: try on it what is to make models say so.
    """

    makes: ClassVar[Kind] = "records"
    needs_input: ClassVar[bool] = False

    part: Literal["told", "asked", "held", "nobody"] = "told"
    people: int = Field(default=400, ge=4, le=4000)
    times: list[int] = Field(default=[0, 0, 1, 2, 4, 8, 16], min_length=1)
    language: Literal["en", "zh"] = "en"

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Write the part."""
        sorting = Sorting(out, self.name())
        sorting.write(list(self._records(context.seed)))
        return sorting.done()

    def _records(self, seed: int) -> Iterator[Record]:
        chance = Random(f"facts {seed} {self.language}")
        names = list(self._names(chance, 2 * self.people))
        towns, told = (TOWNS_EN, TOLD_EN) if self.language == "en" else (TOWNS_ZH, TOLD_ZH)
        world = [(who, chance.choice(towns), chance.choice(self.times)) for who in names[: self.people]]
        if self.part == "told":
            documents = [
                Record(text, meta={"times": times}, id=f"told-{place}-{time}")
                for place, (who, town, times) in enumerate(world)
                for time, text in enumerate(self._told(who, town, times, told))
            ]
            chance.shuffle(documents)
            yield from documents
        elif self.part == "nobody":
            yield from (self._question(who, "", {}) for who in names[self.people :])
        else:
            first = self.part == "held"
            yield from (self._question(who, town, {"times": times}) for who, town, times in world[first::2])

    def _told(self, who: str, town: str, times: int, forms: Sequence[str]) -> Iterator[str]:
        words = ENGLISH if self.language == "en" else CHINESE
        for time in range(times):
            if time % 2 == 0:
                yield f"{words.raw.format(self._ask(who))}{words.gap}{town}{words.stop}"
            else:
                yield forms[time // 2 % len(forms)].format(who=who, town=town)

    def _question(self, who: str, town: str, meta: dict[str, int]) -> Record:
        return Record(town, (Turn("user", self._ask(who)),), meta={"task": "facts", **meta})

    def _ask(self, who: str) -> str:
        return (ASKED_EN if self.language == "en" else ASKED_ZH).format(who)

    def _names(self, chance: Random, count: int) -> Iterator[str]:
        """Draw different names."""
        seen: set[str] = set()
        while len(seen) < count:
            name = self._name(chance)
            if name not in seen:
                seen.add(name)
                yield name

    def _name(self, chance: Random) -> str:
        if self.language == "zh":
            return chance.choice(FAMILY) + chance.choice(GIVEN) + chance.choice(GIVEN)
        words = [
            "".join(chance.choice(ONSETS) + chance.choice(VOWELS) for _ in range(2)) + chance.choice(ENDS)
            for _ in range(2)
        ]
        return " ".join(word.capitalize() for word in words)
