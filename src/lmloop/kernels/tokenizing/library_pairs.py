"""New merges for byte-pair tokenizers that the compiled loops do not know: with a normalizer, or cut in another way.

It is what :mod:`lmloop.kernels.tokenizing.extending` does, on what the library's own normalizer and cutter give. Two
ways of writing are known: letters for bytes (GPT-2, Qwen, Llama 3), and characters with ``▁`` for a space, where a
character that is no token falls apart into bytes (Llama 2, Mistral, Gemma). There, the most frequent characters that
are no tokens become tokens first, without a merge; then pairs are merged.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from lmloop.core.errors import DataError
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.extending import Addition, extended
from lmloop.kernels.tokenizing.learning import learn, words_of
from lmloop.kernels.tokenizing.proving import new_unreachable
from lmloop.kernels.tokenizing.units import CHARACTERS, Alphabet, Goal, alphabet, count_runs, count_units, run_of

REFUSED = {
    "dropout": "it leaves merges out by chance (dropout), so a text has no one row of ids",
    "continuing_subword_prefix": "it writes what goes on with a word otherwise (continuing_subword_prefix), "
    "so a merge makes a token that is not the text of its parts",
    "end_of_word_suffix": "it marks the ends of words (end_of_word_suffix), so no token is nothing but characters of a "
    "script",
}
KINDS = {
    "WordPiece": "its pieces are WordPiece's, found by the longest match and not by merges",
    "WordLevel": "its tokens are whole words of a list: there are no pieces to learn",
}


def check(core: Any) -> None:
    """Raise a DataError for a ``tokenizers.Tokenizer`` that can be extended in no way that is known here."""
    model = json.loads(core.to_str())["model"]
    reasons = [KINDS[model["type"]]] if model["type"] in KINDS else []
    reasons += [reason for key, reason in REFUSED.items() if model.get(key)]
    if reasons:
        raise DataError(f"this tokenizer cannot be extended: {reasons[0]}", hint="train a new tokenizer")


def extend(base: Tokenizer, texts: Iterable[str], goal: Goal) -> tuple[Addition, int]:
    """Learn new tokens that can all be reached; also gives how many were left out.

    Raises:
        DataError: the texts have no character of the script.
    """
    written = alphabet(base.core)
    units = count_units(base.core, texts, goal)
    if not written.letters:  # without a cutter, a unit is a whole text
        units = count_runs(units, run_of(goal.script))
    if not units:
        raise DataError("the records hold no text of the script that is to be added")
    addition = _learn(base, written, units, goal)
    before = len(addition.tokens)
    while addition.tokens:
        made = Tokenizer(extended(base, addition, 1), base.config, "")
        lost = new_unreachable(made, addition.start, None)
        if not lost:
            break
        addition = addition.without(set(lost))
    return addition, before - len(addition.tokens)


def means(base: Tokenizer, pieces: Sequence[str]) -> dict[int, list[int]]:
    """Say of which old ids each new piece was made, in the model's own way to write; none for what it does not know."""
    model = base.core.model
    unknown = getattr(model, "unk_token", None) or _unknown(base.core)
    found = {}
    for n, piece in enumerate(pieces):
        found[base.vocab_size + n] = [token.id for token in model.tokenize(piece) if token.value != unknown]
    return found


def _unknown(core: Any) -> str | None:
    model = json.loads(core.to_str())["model"]
    number = model.get("unk_id")
    return None if number is None else str(model["vocab"][number][0])


def _learn(base: Tokenizer, written: Alphabet, units: Counter[str], goal: Goal) -> Addition:
    vocab: dict[str, int] = base.core.get_vocab(with_added_tokens=False)
    start = base.vocab_size
    letters: Counter[str] = Counter()
    if not written.letters:
        for unit, count in units.items():
            letters.update({letter: count * unit.count(letter) for letter in set(unit) if letter not in vocab})
    frequent = [letter for letter, count in letters.most_common(int(CHARACTERS * goal.pieces)) if count >= goal.least]
    singles = {letter: start + n for n, letter in enumerate(frequent)}
    ids: list[int] = []
    counts: list[int] = []
    weights: list[int] = []
    for unit, count in units.items():
        for word in _words(unit, base.core.model, vocab, singles):
            ids += word
            counts.append(len(word))
            weights.append(count)
    known = [*_bytes_of(base), *(letter.encode() for letter in singles)]
    words = words_of(np.array(ids, np.uint32), np.array(counts, np.int64), np.array(weights, np.int64))
    found = learn(words, known, goal.pieces - len(singles), goal.least, goal.script)
    merges = zip(found.pairs.tolist(), found.made.tolist(), strict=True)
    return Addition(start, found.tokens[start:], [(left, right, made) for (left, right), made in merges])


def _bytes_of(base: Tokenizer) -> list[bytes]:
    """Give the bytes of each id. One without any, or with those of another, gets some that no text has."""
    found = {token: n for n, token in reversed(list(enumerate(base.tokens))) if token}
    odd = (b"\xff\xff" + n.to_bytes(4) for n in range(len(base.tokens)))
    return [
        token if token and found[token] == n else new
        for n, (token, new) in enumerate(zip(base.tokens, odd, strict=True))
    ]


def _words(unit: str, model: Any, vocab: dict[str, int], singles: dict[str, int]) -> Iterator[list[int]]:
    """Give the ids of a unit; it is cut at characters that are no tokens and become none."""
    word: list[int] = []
    part = ""
    for letter in (*unit, ""):
        if letter in vocab:
            part += letter
            continue
        word += [token.id for token in model.tokenize(part)] if part else []
        part = ""
        if letter in singles:
            word.append(singles[letter])
            continue
        if word:
            yield word
        word = []
