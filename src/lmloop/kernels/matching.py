"""Words and phrases of a list, found in texts as a reader finds them."""

from collections.abc import Iterable, Iterator
from typing import Any

from lmloop.core.extras import need


class Matcher:
    """Finds the words of a list: whatever their case, and not inside other words.

    One in a script without spaces (Chinese, Japanese, Korean, Thai, Lao) is found wherever it stands.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = sorted({word.strip().lower() for word in words} - {""})
        self._spaced = [is_spaced(word) for word in self.words]
        library = need("ahocorasick_rs", "curate")
        self._automaton: Any = library.AhoCorasick(self.words) if self.words else None

    def found(self, text: str) -> Iterator[int]:
        """Give the number of the word, for each place that one stands at."""
        if self._automaton is None or not text:
            return
        text = text.lower()
        for word, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            if not self._spaced[word] or stands_alone(text, start, end):
                yield word


def stands_alone(text: str, start: int, end: int) -> bool:
    """Say whether neither a letter nor a number touches a part of a text."""
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    return not (before.isalnum() or before == "_" or after.isalnum() or after == "_")


def is_spaced(word: str) -> bool:
    """Say whether a word is of a script that puts spaces between words."""
    return not any("\u0e00" <= character <= "\u0eff" or "\u2e80" <= character <= "\ud7a3" for character in word)
