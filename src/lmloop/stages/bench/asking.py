"""What is asked and when: the sessions of a test, from its settings and the seed alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from lmloop.core.engine.shards import read_records
from lmloop.core.errors import DataError
from lmloop.core.part import build
from lmloop.core.reader import Reader
from lmloop.core.record import Record
from lmloop.core.step import Artifact
from lmloop.loadtest.amounts import lengths, rates
from lmloop.loadtest.arrivals import arrivals
from lmloop.loadtest.filler import passage, token_ids
from lmloop.loadtest.schedule import Session, Turn
from lmloop.loadtest.target import Api
from lmloop.loadtest.traces import Arrival
from lmloop.stages.bench.settings import LoadTable, PromptsTable

MOST_RECORDS = 100_000
POOL = 256


@dataclass(frozen=True, slots=True)
class Asking:
    """Where sessions come from: how prompts are made, the conversations to ask (or none), the API, the seed."""

    prompts: PromptsTable
    said: Sequence[tuple[Turn, ...]]
    api: Api
    seed: int

    def sessions(self, moments: Sequence[float | None]) -> Iterator[Session]:
        """Give a session for each moment."""
        chance = np.random.default_rng([self.seed, 2])
        table = self.prompts
        many = lengths(table.turns).draw(len(moments), chance)
        shared = passage(table.shared, table.filler, chance) if table.shared and table.filler != "ids" else ""
        for place, at in enumerate(moments):
            if self.said:
                turns = self._told(self.said[place % len(self.said)], chance)
            else:
                turns = tuple(self._drawn(number, shared, chance) for number in range(many[place]))
            yield Session(at, turns)

    def replayed(self, trace: Sequence[Arrival]) -> Iterator[Session]:
        """Give a session for each row of a trace; what it does not say is as the settings say."""
        chance = np.random.default_rng([self.seed, 3])
        for place, row in enumerate(trace):
            if row.text:
                turn = Turn(row.text)
            elif row.asked is None and self.said:
                turn = self.said[place % len(self.said)][0]
            else:
                turn = self._fill(row.asked or lengths(self.prompts.input).draw(1, chance)[0], "", chance)
            yield Session(row.at, (self._asked(turn, 0, row.answered or self._output(chance)),))

    def _told(self, turns: tuple[Turn, ...], chance: np.random.Generator) -> tuple[Turn, ...]:
        return tuple(self._asked(turn, number, self._output(chance)) for number, turn in enumerate(turns))

    def _drawn(self, number: int, shared: str, chance: np.random.Generator) -> Turn:
        length = lengths(self.prompts.input).draw(1, chance)[0]
        return self._asked(self._fill(length, "" if number else shared, chance), number, self._output(chance))

    def _fill(self, length: int, before: str, chance: np.random.Generator) -> Turn:
        table = self.prompts
        if table.filler == "ids":
            return Turn(ids=token_ids(length, table.vocabulary, chance))
        return Turn(" ".join(filter(None, (before, passage(length, table.filler, chance)))))

    def _asked(self, turn: Turn, number: int, tokens: int | None) -> Turn:
        """Add what a request says beside its text; the first turn of a chat begins with the system's."""
        messages = turn.messages
        if self.prompts.system and not number and self.api == "chat":
            messages = (("system", self.prompts.system), *(messages or (("user", turn.text),)))
        return Turn(turn.text, messages, turn.ids, tokens, self.prompts.think if number else 0.0)

    def _output(self, chance: np.random.Generator) -> int | None:
        return lengths(self.prompts.output).draw(1, chance)[0] if self.prompts.output else None


def moments(load: LoadTable, seed: int, rate: str) -> list[float | None]:
    """Say when sessions arrive; users take theirs when they are ready."""
    if load.users:
        return [None] * (load.requests or max(POOL, 8 * load.users))
    chance = np.random.default_rng([seed, 1])
    found = arrivals(rates(rate, load.seconds), load.arrivals, load.burstiness, load.requests, chance)
    if load.requests is not None and load.duration is not None:
        found = [moment for moment in found if moment < load.duration]
    # a test of nothing says nothing: where chance gives no arrival in time, the first one counts
    found = found or [0.0]
    return list(found)


def conversations(inputs: Sequence[Artifact], files: Sequence[Path], reader: str, base: Path) -> list[tuple[Turn, ...]]:
    """Read the conversations to ask: of records and of files, what users say in them.

    Raises:
        DataError: there is nothing to ask in them.
    """
    found = []
    for record in _records(inputs, files, reader, base):
        if turns := _turns(record):
            found.append(turns)
        if len(found) == MOST_RECORDS:
            break
    if (inputs or files) and not found:
        raise DataError("there is nothing to ask in these files", hint="each record needs a text or a prompt")
    return found


def _records(inputs: Sequence[Artifact], files: Sequence[Path], reader: str, base: Path) -> Iterator[Record]:
    yield from read_records(item.path for item in inputs)
    if files:
        made = cast(Reader, build("readers", {"use": reader, "files": [str(file) for file in files]}))
        for source in made.sources(base):
            yield from (item for item in made.read(source) if isinstance(item, Record))


def _turns(record: Record) -> tuple[Turn, ...]:
    """Give what users say, each with what stands before it (system); the replies are the server's own."""
    if not record.prompt:
        return (Turn(record.text),) if record.text.strip() else ()
    turns, before = [], []
    for said in record.prompt:
        if said.role == "assistant":
            continue
        before.append((said.role, said.text))
        if said.role != "system":
            turns.append(Turn(messages=tuple(before)) if len(before) > 1 else Turn(said.text))
            before = []
    return tuple(turns)
