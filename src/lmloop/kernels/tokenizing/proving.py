"""Proof that an extended tokenizer gives other text the ids that it gave before, and that each new token is given.

Text is told apart by what the tokenizer's model sees of it, which is behind its normalizer: one of NFKC writes ``㈱``
as ``(株)``, so that to extend such a tokenizer by Han changes ``㈱``, too, though it is no Han character.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from lmloop.core.errors import StepError
from lmloop.kernels.text import Integers
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.backends import ODD, Flat, first_difference, reference
from lmloop.kernels.tokenizing.formats import AnyTokenizer, SentencePieceFile
from lmloop.kernels.tokenizing.linting import unreachable
from lmloop.kernels.tokenizing.scripts import Script, has_script
from lmloop.kernels.tokenizing.units import normalizer


@dataclass(frozen=True, slots=True)
class Proof:
    """What was compared: lines without the script, characters and old tokens; and how many ids changed.

    ``turned`` characters are not of the script, but the normalizer makes characters of the script of them.
    """

    lines: int
    characters: int
    turned: int
    old_tokens: int
    changed: int


def prove(
    base: AnyTokenizer, new: AnyTokenizer, lines: Sequence[str], script: Script, characters: Sequence[str] = ()
) -> Proof:
    """Encode all that has no character of the script with both tokenizers.

    That is: lines of text and the text of every old token, by the reference library; and characters between letters
    and spaces: every one of Unicode (without ``characters``), private and unassigned ones only where that is fast.

    Raises:
        StepError: an id differs.
    """
    free = _without(base, script)
    every = [letter for letter in characters or _every(base) if not has_script(letter, script)]
    others = [letter for letter in every if free(letter)]
    letters = ["".join(f"a{letter} {letter}" for letter in others[at : at + 128]) for at in range(0, len(others), 128)]
    old = [token.decode(errors="ignore") for token in base.tokens if token]
    old = [text for text in old if free(text)]
    odd = [text for text in ODD if free(text)]
    lines = [line for line in lines if free(line)]
    for column, encode in (([*lines, *odd, *old], _encode), (letters, _encode_fast)):
        texts = pa.array(column, pa.large_string())
        different = first_difference(encode(base, texts), encode(new, texts))
        if different is None:
            continue
        raise StepError(
            f"text without the new script would be encoded in another way: {column[different][:60]!r}",
            hint="the base tokenizer must not be extended like this; nothing was written",
        )
    return Proof(len(lines), len(others), len(every) - len(others), len(old), 0)


def lines_without(texts: "pa.Array", script: Script, most_bytes: int) -> list[str]:
    """List the lines that have no character of a script."""
    found, size = [], 0
    for text in texts.to_pylist():
        for line in text.splitlines(keepends=True):
            if not has_script(line, script):
                found.append(line)
                size += len(line)
        if size > most_bytes:
            break
    return found


def new_unreachable(tokenizer: AnyTokenizer, start: int, counts: Integers | None) -> list[int]:
    """List the new ids, those from ``start`` on, that no text gives."""
    return unreachable(tokenizer, counts, start)


def _every(base: AnyTokenizer) -> Iterator[str]:
    """Give the characters of Unicode; those that nobody has assigned only if the compiled loops encode."""
    fast = isinstance(base, SentencePieceFile)
    if isinstance(base, Tokenizer):
        base.encode_batch([""])
        fast = base.backend == "compiled"
    for point in range(0x110000):
        letter = chr(point)
        kind = unicodedata.category(letter)
        if kind != "Cs" and (fast or kind not in ("Cn", "Co")):
            yield letter


def _without(base: AnyTokenizer, script: Script) -> Callable[[str], bool]:
    """Give what says whether a text has no character of the script, neither before nor behind the normalizer."""
    normalize = normalizer(base)
    if normalize is None:
        return lambda text: not has_script(text, script)
    return lambda text: not has_script(text, script) and not has_script(normalize(text), script)


def _encode(tokenizer: AnyTokenizer, column: "pa.Array") -> Flat:
    return reference(tokenizer.core)(column) if isinstance(tokenizer, Tokenizer) else tokenizer.encode_column(column)


def _encode_fast(tokenizer: AnyTokenizer, column: "pa.Array") -> Flat:
    return tokenizer.encode_column(column)
