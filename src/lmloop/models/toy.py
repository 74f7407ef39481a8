"""A toy: an n-gram model of characters, with all three powers, no torch and next to no time."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import ClassVar, TypeAlias

from pydantic import Field

from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.model import Done, Prompt, Reply, Sampling, Token, finished, held_back, raw_text, told
from lmloop.core.part import Part

COUNTS = "counts.json"
END = "\n"
"""What stands before and after every text."""

UNSEEN = 1e-4
"""The share of a character that was never seen, in any context."""

DISCOUNT = 0.1
"""What each longer context leaves to the next shorter one."""

Counts: TypeAlias = Mapping[str, Mapping[str, int]]


class Toy(Part):
    """Foretell each character from up to ``order`` characters before it, counted in the texts it has read.

    The counts lie in ``folder``, where the step ``toy`` puts them; without one, they are made of ``texts``. Of
    several contexts that were seen, a longer one counts more. An embedding is the share of each of 64 classes of
    characters. For tests, first steps and the shape of the whole ring: it takes the place of any other model.
    """

    version: ClassVar[int] = 2

    folder: str = ""
    texts: list[str] = ["the cat sat on the mat and the dog sat on the log", "猫坐在垫子上，狗坐在木头上。"]
    order: int = Field(3, ge=0, le=8)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, done: Done | None = None) -> list[Reply]:
        """Write on where each prompt ends, up to the end of a line; a token is a character."""
        return told((self._write(prompt, sampling) for prompt in prompts), done)

    def score(self, pairs: Sequence[tuple[Prompt, str]], done: Done | None = None) -> list[Reply]:
        """Give the natural-log probability of each text after its prompt."""
        return told((self._score(_text(prompt), text) for prompt, text in pairs), done)

    def trace(self, pairs: Sequence[tuple[Prompt, str]]) -> list[list[Token]]:
        """Give the natural-log probability of each character of each text after its prompt."""
        return [list(self._trace(_text(prompt), text)) for prompt, text in pairs]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Give the share of each class of characters: 64 numbers a text."""
        return [_shares(text) for text in texts]

    def stream(self, prompt: Prompt, sampling: Sampling) -> Generator[str, None, Reply]:
        """Write character by character; what may be the beginning of a stop is held back until it is known."""
        chance = Random(sampling.seed)
        before, said, given, logprob = _text(prompt), "", 0, 0.0
        stop, cut = "", True
        while len(said) < sampling.max_tokens:
            shares = self._shares(before + said)
            pick = _greedy(shares) if not sampling.temperature else _draw(shares, sampling, chance)
            logprob += math.log(shares[pick])
            if pick == END:
                cut = False
                break
            said += pick
            if stop := next((mark for mark in sampling.stop if mark and said.endswith(mark)), ""):
                cut = False
                break
            ready = len(said) - held_back(said, sampling.stop)
            if ready > given:
                yield said[given:ready]
                given = ready
        text = said.removesuffix(stop)
        if text[given:]:
            yield text[given:]
        return Reply(text, logprob, len(said), cut=cut, prompt_tokens=len(before))

    def _write(self, prompt: Prompt, sampling: Sampling) -> Reply:
        return finished(self.stream(prompt, sampling))

    def _score(self, before: str, text: str) -> Reply:
        tokens = list(self._trace(before, text))
        logprob = sum(token.logprob or 0.0 for token in tokens)
        return Reply(text, logprob, len(text), greedy=all(token.greedy for token in tokens), prompt_tokens=len(before))

    def _trace(self, before: str, text: str) -> Iterator[Token]:
        for place, character in enumerate(text):
            shares = self._shares(before + text[:place])
            greedy = bool(shares) and _greedy(shares) == character
            yield Token(character, math.log(shares.get(character, UNSEEN)), greedy)

    def _shares(self, before: str) -> dict[str, float]:
        """Give the probability of each character that was ever seen, from all contexts that were."""
        counts = self._counts()
        shares: dict[str, float] = {}
        for size in range(self.order + 1):
            seen = counts.get((END + before)[len(before) + 1 - size :])
            if not seen:
                break
            total = sum(seen.values())
            keep = DISCOUNT if shares else 0.0
            shares = {name: share * keep for name, share in shares.items()}
            for name, count in seen.items():
                shares[name] = shares.get(name, 0.0) + (1 - keep) * (1 - UNSEEN if not keep else 1) * count / total
        return shares or {END: 1 - UNSEEN}

    def _counts(self) -> Counts:
        return read_counts(Path(self.folder)) if self.folder else _learned(tuple(self.texts), self.order)


def count(texts: Iterable[str], order: int) -> Counts:
    """Count which character follows each context of up to ``order`` characters."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        whole = END + text.replace("\n", " ") + END
        for place in range(1, len(whole)):
            for size in range(min(order, place) + 1):
                counts[whole[place - size : place]][whole[place]] += 1
    return counts


def write_counts(folder: Path, counts: Counts) -> None:
    """Write the counts of a model, ordered, so that the same texts give the same bytes."""
    ordered = {context: dict(sorted(counts[context].items())) for context in sorted(counts)}
    with draft(folder / COUNTS) as place:
        place.write_text(json.dumps(ordered, ensure_ascii=False), encoding="utf-8")


@cache
def read_counts(folder: Path) -> Counts:
    """Read the counts of a model.

    Raises:
        DataError: they are not there, or damaged.
    """
    try:
        counts: Counts = json.loads((folder / COUNTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as bad:
        raise DataError(f"{folder / COUNTS} cannot be read: {bad}") from None
    return counts


@cache
def _learned(texts: tuple[str, ...], order: int) -> Counts:
    return count(texts, order)


def _text(prompt: Prompt) -> str:
    raw = raw_text(prompt)
    return raw if raw is not None else "".join(f"{turn.text} " for turn in prompt).replace("\n", " ")


def _greedy(shares: Mapping[str, float]) -> str:
    return min(shares, key=lambda name: (-shares[name], name))


def _draw(shares: Mapping[str, float], sampling: Sampling, chance: Random) -> str:
    """Draw a character from the likeliest ones, which together have a share of ``top_p``."""
    names = sorted(shares, key=lambda name: (-shares[name], name))
    # as parts of the largest, so that not all of them vanish when it is cold
    weights = [(shares[name] / shares[names[0]]) ** (1 / sampling.temperature) for name in names]
    total, kept, sofar = sum(weights), 0, 0.0
    while kept < len(names) and (kept == 0 or sofar < sampling.top_p * total):
        sofar += weights[kept]
        kept += 1
    return chance.choices(names[:kept], weights[:kept])[0]


def _shares(text: str) -> list[float]:
    found = [0.0] * 64
    for character in text:
        found[ord(character) % 64] += 1 / len(text)
    return found
