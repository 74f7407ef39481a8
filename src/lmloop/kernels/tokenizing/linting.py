"""Tokens that do nothing, or will learn nothing: found from what the tokenizer is and from how often they occurred.

A token that a model never saw in training keeps the vector it began with, and does odd things when it comes up at
last (Land and Bartolo 2024, "Fishing for Magikarp"). They guess such tokens from the weights; who has trained the
tokenizer has the counts. That a token's text does not give the token by itself is no proof that nothing does (it may
need a letter before it): each is tried in several surroundings.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from lmloop.kernels.text import Integers
from lmloop.kernels.tokenizing.backends import split
from lmloop.kernels.tokenizing.formats import AnyTokenizer

SURROUNDINGS = ("{}", "a{}", " {}", "\n{}", "中{}", "{}a", "{} ", "a{}a", " {}a", "0{}", ".{}")
UNDER_TRAINED = 20
"""A token that occurred less often than this in what the tokenizer was trained on is a candidate."""
INSIDE = 0.02

REASONS = {
    "unreachable": "no text that was tried gives it",
    "unused": "it did not occur in the training sample",
    "under-trained": f"it occurred less than {UNDER_TRAINED} times",
    "only-inside": "it is nearly always merged into one other token",
    "partial": "its bytes are no whole characters",
    "near-duplicate": "it differs from others only by case or white space",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A token, what is said of it, and how often it occurred (-1: not known)."""

    id: int
    token: str
    reason: str
    count: int = -1
    detail: str = ""


def lint(
    tokenizer: AnyTokenizer, counts: Integers | None = None, parents: Sequence[tuple[int, int]] = ()
) -> list[Finding]:
    """List what is odd about tokens. ``counts``: how often each id occurred; ``parents``: part and whole."""
    tokens = tokenizer.tokens
    found = [Finding(n, shown(tokens[n]), "unreachable", _count(counts, n)) for n in unreachable(tokenizer, counts)]
    known = {finding.id for finding in found}
    if counts is not None:
        for n, token in enumerate(tokens):
            if token is not None and n not in known and len(token) > 1 and counts[n] < UNDER_TRAINED:
                reason = "under-trained" if counts[n] else "unused"
                found.append(Finding(n, shown(token), reason, int(counts[n])))
        found += _inside(tokens, counts, parents)
    found += [
        Finding(n, shown(token), "partial", _count(counts, n))
        for n, token in enumerate(tokens)
        if token is not None and len(token) > 1 and not _is_text(token)
    ]
    return found + list(_duplicates(tokens, counts))


def unreachable(tokenizer: AnyTokenizer, counts: Integers | None = None, start: int = 0) -> list[int]:
    """List the ids from ``start`` on that no surrounding of their text gives; parts of characters are left out.

    A token that occurred is reachable, whatever a trial says.
    """
    texts = {
        n: token.decode()
        for n, token in enumerate(tokenizer.tokens)
        if n >= start and token and _is_text(token) and not (counts is not None and counts[n] > 0)
    }
    left = texts
    for surrounding in SURROUNDINGS:
        if not left:
            break
        column = pa.array([surrounding.format(text) for text in left.values()], pa.large_string())
        rows = split(tokenizer.encode_column(column))
        left = {n: text for (n, text), row in zip(left.items(), rows, strict=True) if not (row == n).any()}
    return sorted(left)


def typed_specials(core: Any, names: Sequence[str]) -> list[str]:
    """List the special tokens that somebody makes by typing their names, unless names are read as plain text."""
    core.encode_special_tokens = False
    return [name for name in names if core.encode(name, add_special_tokens=False).ids == [core.token_to_id(name)]]


def shown(token: bytes | None) -> str:
    """Write a token so that all of it can be seen: ``␣the``, ``\\n``, ``\\xe4\\xb8``."""
    if token is None:
        return ""
    if not _is_text(token):
        return "".join(chr(byte) if 0x20 < byte < 0x7F else f"\\x{byte:02x}" for byte in token)
    visible = (c if c == " " or unicodedata.category(c)[0] not in "CZ" else repr(c)[1:-1] for c in token.decode())
    return "".join(visible).replace(" ", "␣")


def _is_text(token: bytes) -> bool:
    try:
        token.decode()
    except UnicodeDecodeError:
        return False
    return True


def _count(counts: Integers | None, n: int) -> int:
    return -1 if counts is None else int(counts[n])


def _inside(tokens: Sequence[bytes | None], counts: Integers, parents: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    """Find parts that hardly occur beside the most frequent whole they are merged into."""
    wholes: dict[int, int] = {}
    for part, whole in parents:
        if whole != part and (part not in wholes or counts[whole] > counts[wholes[part]]):
            wholes[part] = whole
    for part, whole in sorted(wholes.items()):
        token = tokens[part]
        few = UNDER_TRAINED <= counts[part] < INSIDE * counts[whole]
        if token is not None and len(token) > 1 and few:
            yield Finding(part, shown(token), "only-inside", int(counts[part]), shown(tokens[whole]))


def _duplicates(tokens: Sequence[bytes | None], counts: Integers | None) -> Iterator[Finding]:
    """Find words that have four tokens or more, by case and white space."""
    groups: dict[str, list[int]] = defaultdict(list)
    for n, token in enumerate(tokens):
        if token and _is_text(token):
            bare = token.decode().strip().casefold()
            if len(bare) > 1 and any(letter.isalpha() for letter in bare):
                groups[bare].append(n)
    for members in groups.values():
        if len(members) >= 4:
            order = sorted(members, key=lambda n: (_count(counts, n), n))
            others = ", ".join(shown(tokens[n]) for n in order[1:])
            yield Finding(order[0], shown(tokens[order[0]]), "near-duplicate", _count(counts, order[0]), others)


def by_reason(found: Sequence[Finding]) -> dict[str, int]:
    """Count the findings."""
    reasons = np.array([finding.reason for finding in found])
    return {reason: int((reasons == reason).sum()) for reason in REASONS}
