"""The ways to extend a ``tokenizer.json``: which one suits is read from the file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lmloop.kernels.text import text_buffer
from lmloop.kernels.tokenizing import Tokenizer, extending, library_pairs, unigrams
from lmloop.kernels.tokenizing.byte_pairs import byte_pairs
from lmloop.kernels.tokenizing.counting import Counted, PieceCounter
from lmloop.kernels.tokenizing.errors import Unsupported
from lmloop.kernels.tokenizing.units import Goal, alphabet


@dataclass(frozen=True, slots=True)
class Wider:
    """An extended tokenizer of the library: its new pieces, of which old ids each was made, how many were left out.

    ``counted`` are the pieces of text that they were learned from, where those were kept.
    """

    core: Any
    pieces: list[bytes]
    means: dict[int, list[int]]
    dropped: int
    counted: Counted | None = None


def widen(base: Tokenizer, texts: Iterable["pa.Array"], goal: Goal, multiple: int) -> Wider:
    """Learn new pieces on top of a tokenizer and put them behind its ids; spare ones fill a multiple up.

    Raises:
        DataError: it is of a sort that cannot be extended, or the texts have no character of the script.
    """
    library_pairs.check(base.core)
    if type(base.core.model).__name__ == "Unigram":
        return _unigrams(base, texts, goal, multiple)
    try:
        byte_pairs(base.core)
    except Unsupported:
        return _library(base, texts, goal, multiple)
    return _compiled(base, texts, goal, multiple)


def _compiled(base: Tokenizer, texts: Iterable["pa.Array"], goal: Goal, multiple: int) -> Wider:
    counter = PieceCounter(byte_pairs(base.core).cut, goal.most)
    for part in texts:
        counter.add(text_buffer(part))
    counted = extending.with_script(counter.counted(), goal.script)
    addition, dropped = extending.reachable_only(base, extending.learn_addition(base, counted, goal), counted)
    core = extending.extended(base, addition, multiple)
    return Wider(core, addition.tokens, extending.means(base, addition), dropped, counted)


def _library(base: Tokenizer, texts: Iterable["pa.Array"], goal: Goal, multiple: int) -> Wider:
    addition, dropped = library_pairs.extend(base, _each(texts), goal)
    core, written = extending.extended(base, addition, multiple), alphabet(base.core)
    means = library_pairs.means(base, [written.name(token) for token in addition.tokens])
    return Wider(core, addition.tokens, means, dropped)


def _unigrams(base: Tokenizer, texts: Iterable["pa.Array"], goal: Goal, multiple: int) -> Wider:
    core, pieces, dropped = unigrams.extend(base, _each(texts), goal, multiple)
    written = alphabet(base.core)
    return Wider(core, [written.text(piece).encode() for piece in pieces], library_pairs.means(base, pieces), dropped)


def _each(texts: Iterable["pa.Array"]) -> Iterator[str]:
    for part in texts:
        yield from part.to_pylist()
