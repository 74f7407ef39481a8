"""Writing with llama.cpp: several texts at a time, and where one ends the next begins."""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lmloop.core.model import Reply, Sampling, cut_at_stop, held_back
from lmloop.models.gguf.loaded import BATCH, Loaded, Step, alike

UTF8 = codecs.getincrementaldecoder("utf-8")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A prompt's ids, and how to go on: at most ``most`` tokens."""

    ids: tuple[int, ...]
    sampling: Sampling
    most: int

    def chance(self) -> np.random.Generator:
        """Give its chance, which hangs on the seed and the prompt, and not on what else is written."""
        return np.random.default_rng((self.sampling.seed % 2**63, *self.ids))


@dataclass
class _Row:
    """A text that is being written in a sequence of the cache; ``given`` characters of it were told."""

    place: int
    sequence: int
    wanted: Wanted
    chance: np.random.Generator
    ids: list[int] = field(default_factory=list)
    decoder: codecs.IncrementalDecoder = field(default_factory=lambda: UTF8("replace"))
    text: str = ""
    given: int = 0
    logprob: float = 0.0
    ended: bool = False


def write(model: Loaded, wanted: Sequence[Wanted]) -> Iterator[tuple[int, str | Reply]]:
    """Write behind each prompt: give the place and each piece of its text as it comes, and at its end the reply."""
    shared = _read_shared(model, wanted)
    waiting = list(enumerate(wanted))[::-1]
    free = list(range(model.writers, 0, -1))
    rows: list[_Row] = []
    while waiting or rows:
        while waiting and free and _fits(model, rows, waiting[-1][1], shared):
            place, one = waiting.pop()
            row = _Row(place, free.pop(), one, one.chance())
            rows.append(row)
            yield from _take(model, row, _begin(model, row, shared))
        for row in [row for row in rows if row.ended]:
            model.forget(row.sequence)
            free.append(row.sequence)
            rows.remove(row)
        if rows and not (waiting and free and _fits(model, rows, waiting[-1][1], shared)):
            for row, chances in zip(rows, model.compute(_next(rows)), strict=True):
                yield from _take(model, row, chances)
    model.forget(0)


def _next(rows: Sequence[_Row]) -> Step:
    """Compute what was chosen last in each row."""
    places = [len(row.wanted.ids) + len(row.ids) - 1 for row in rows]
    return Step([row.ids[-1] for row in rows], places, [row.sequence for row in rows], [True] * len(rows))


def _read_shared(model: Loaded, wanted: Sequence[Wanted]) -> int:
    """Compute what all prompts begin with into sequence 0; tell how much that is."""
    model.clear()
    if len(wanted) < 2:
        return 0
    first, last = min(one.ids for one in wanted), max(one.ids for one in wanted)
    shared = min(alike(first, last), len(first) - 1, len(last) - 1)
    model.read(first[:shared], 0)
    return shared


def _fits(model: Loaded, rows: Sequence[_Row], one: Wanted, shared: int) -> bool:
    """Tell whether there is room in the cache for another text, at its longest."""
    sizes = [len(each.ids) + each.most - shared for each in (*(row.wanted for row in rows), one)]
    return not rows or sum(sizes) + shared <= model.cells


def _begin(model: Loaded, row: _Row, shared: int) -> NDArray[np.float32]:
    """Read a prompt into its sequence; give what may follow it."""
    if shared:
        model.share(row.sequence)
    ids = row.wanted.ids
    last = (len(ids) - 1 - shared) // BATCH * BATCH + shared
    model.read(ids[shared:last], shared, row.sequence)
    rest = list(ids[last:])
    asked = [False] * (len(rest) - 1) + [True]
    found: NDArray[np.float32] = model.compute(
        Step(rest, list(range(last, len(ids))), [row.sequence] * len(rest), asked)
    )[0]
    return found


def _take(model: Loaded, row: _Row, chances: NDArray[np.float32]) -> Iterator[tuple[int, str | Reply]]:
    """Choose the next token; give what can be told of the text by then, and at its end the reply."""
    sampling = row.wanted.sampling
    token = draw(chances, sampling, row.chance)
    ends = model.ends(token)
    if not ends:
        row.ids.append(token)
        row.logprob += float(chances[token])
        row.text += row.decoder.decode(model.piece(token))
    row.text, stopped = cut_at_stop(row.text, sampling.stop)
    full = len(row.ids) >= row.wanted.most
    row.ended = ends or full or stopped
    if row.ended and not stopped:
        row.text += row.decoder.decode(b"", final=True)
    ready = len(row.text) if row.ended else len(row.text) - held_back(row.text, sampling.stop)
    if ready > row.given:
        yield row.place, row.text[row.given : ready]
        row.given = ready
    if row.ended:
        yield row.place, _reply(row, cut=full and not ends and not stopped)


def _reply(row: _Row, cut: bool) -> Reply:
    return Reply(
        row.text,
        logprob=min(0.0, row.logprob),
        tokens=len(row.ids),
        cut=cut,
        prompt_tokens=len(row.wanted.ids),
    )


def draw(chances: NDArray[np.float32], sampling: Sampling, chance: np.random.Generator) -> int:
    """Choose a token: the likeliest, or one of those that together have a share of ``top_p``."""
    if sampling.temperature == 0:
        return int(chances.argmax())
    warm = chances.astype(np.float64) / sampling.temperature
    shares = np.exp(warm - warm.max())
    shares /= shares.sum()
    if sampling.top_p < 1:
        order = np.argsort(-shares, kind="stable")
        kept = order[: int(np.searchsorted(np.cumsum(shares[order]), sampling.top_p)) + 1]
        return int(chance.choice(kept, p=shares[kept] / shares[kept].sum()))
    return int(chance.choice(len(shares), p=shares))
