"""Tell the encoding of a text by how likely it makes it: the right decoding gives letters that people write.

UTF-8 is known by its form. Of the others each candidate's decoding is scored as log-likelihood under the letter
frequencies of the languages it is used for, all over the same bytes; the best one is believed when it leads clearly
and what it gives looks like a language. So a few ambiguous bytes are told from a text, and rejected instead of misread.
"""

import codecs
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from lmloop.formats import letters
from lmloop.formats.opening import Broken

SAMPLE = 8192
LEAD = 6.0
"""By so much (natural logarithm) the best candidate must be more likely than the next one: about 400 times."""

LEAST = -10.0
"""The mean log-likelihood of a character beyond ASCII that is still language; noise is below."""

ASCII_COST, CONTROL_COST, REPLACED_COST = -3.4, -12.0, -25.0
CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
PLAIN_CONTROLS = "\t\n\r\f\x1b"

CANDIDATES: Mapping[str, tuple[str, ...]] = {
    "gb18030": ("simplified", "traditional"),
    "cp950": ("traditional",),
    "big5hkscs": ("traditional",),
    "cp932": ("japanese",),
    "euc_jp": ("japanese",),
    "cp949": ("korean",),
    "cp1252": ("western",),
    "cp1250": ("central",),
    "cp1251": ("cyrillic",),
    "koi8_r": ("cyrillic",),
    "cp1253": ("greek",),
    "cp1254": ("turkish",),
}
FAMILY = {"big5hkscs": "cp950"}
"""Encodings that differ in rare characters only: neither has to lead the other."""

PRIOR = {"cp1252": 4.0}
"""By so much an encoding is more usual than the others."""

LANGUAGES = ("simplified", "traditional", "japanese", "korean", "western", "central", "cyrillic", "greek")
LABELS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "hz-gb-2312": "hz",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "big5": "big5hkscs",
    "iso-8859-9": "cp1254",
}
"""What people mean by the names that they write (as browsers read them)."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, the encoding it was in, and how many broken places became U+FFFD."""

    text: str
    encoding: str
    replaced: int = 0


@dataclass(frozen=True, slots=True, order=True)
class _Score:
    """How likely a candidate is: in all, and a character beyond ASCII; its name, and the sample as it reads it."""

    total: float
    mean: float
    name: str
    text: str


def decode(content: bytes, encoding: str = "auto", max_replaced: float = 0.0, declared: str = "") -> Decoded:
    """Decode a whole text.

    ``encoding`` is a name, or ``auto`` to find it out; ``declared`` is what the text says of itself, believed where it
    fits. At most the share ``max_replaced`` of the characters may be broken.

    Raises:
        Broken: the encoding is not clear, or the text does not fit it.
    """
    name = _named(content, declared) if encoding == "auto" else encoding
    try:
        text = content.decode(name)
    except UnicodeDecodeError as bad:
        text = content.decode(name, "replace")
        replaced = text.count("\ufffd") - content.count(b"\xef\xbf\xbd") * (name == "utf-8")
        if replaced > max_replaced * len(text):
            raise Broken("encoding", f"not {name}: {bad.reason} at byte {bad.start}") from None
        return Decoded(_unmarked(text), name, replaced)
    except (LookupError, UnicodeError) as bad:
        raise Broken("encoding", str(bad)) from None
    return Decoded(_unmarked(text), name)


def detect(content: bytes) -> str:
    """Name the encoding of a text, or of the beginning of one.

    Raises:
        Broken: it is not clear which.
    """
    if marked := _by_mark(content):
        return marked
    if wide := _by_zeros(content):
        return wide
    if (b"\x1b$B" in content or b"\x1b$@" in content) and content.isascii():
        return "iso2022_jp_ext"
    if _is_utf8(content):
        return "utf-8"
    scores = sorted(_scores(content), reverse=True)
    best, *others = scores
    if best.mean < LEAST:
        raise Broken("encoding", "no language in any encoding that is known: binary data, or very few letters")
    rival = next((other for other in others if other.text != best.text and not _akin(other, best)), None)
    if rival is not None and best.total - rival.total < LEAD:
        raise Broken("encoding", f"not clear: {best.name} or {rival.name}")
    return best.name


def codec(label: str) -> str:
    """Give the name of the codec that a declared name means; nothing if there is none."""
    label = label.strip().strip("\"'").lower()
    try:
        return LABELS.get(label) or codecs.lookup(label).name
    except (LookupError, ValueError):
        return ""


def _named(content: bytes, declared: str) -> str:
    said = codec(declared) if declared else ""
    if not said or _by_mark(content) or (said != "utf-8" and _is_utf8(content)):
        return detect(content)
    try:
        content.decode(said)
    except (UnicodeError, LookupError):
        try:
            return detect(content)
        except Broken:
            return said
    return said


def _unmarked(text: str) -> str:
    return text.removeprefix("\ufeff")


def _akin(one: "_Score", other: "_Score") -> bool:
    return FAMILY.get(one.name, one.name) == FAMILY.get(other.name, other.name)


def _by_mark(content: bytes) -> str:
    """Know an encoding by its byte order mark."""
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    for mark, name in ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32")):
        if content.startswith(mark) and not len(content) % 4:
            return name
    return "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ""


def _by_zeros(content: bytes) -> str:
    """Know UTF-16 and UTF-32 without a mark by where their zero bytes are."""
    head = content[:SAMPLE]
    head = head[: len(head) // 4 * 4] or head
    if head.count(0) * 5 < len(head) or len(head) < 2:
        return ""
    zeros = [head[place::4].count(0) for place in range(4)]
    quarter = len(head) / 4
    if len(head) % 4 == 0 and min(zeros[2:]) > 0.9 * quarter and zeros[0] < 0.1 * quarter:
        return "utf-32-le"
    if len(head) % 4 == 0 and min(zeros[:2]) > 0.9 * quarter and zeros[3] < 0.1 * quarter:
        return "utf-32-be"
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    if min(even, odd) * 10 < max(even, odd):
        return "utf-16-be" if even > odd else "utf-16-le"
    return ""


def _is_utf8(content: bytes) -> bool:
    """Say whether a text is UTF-8: all of it, or, with some damage, nearly all that is beyond ASCII."""
    try:
        content.decode("utf-8")
        return len(CONTROLS.findall(content)) * 10 <= len(content)  # else it may be UTF-16 that looks like it
    except UnicodeDecodeError as bad:
        if bad.end >= len(content) and bad.reason == "unexpected end of data" and bad.start > 0:
            return any(byte > 127 for byte in content[: bad.start]) or len(content) > SAMPLE
    good = len(re.findall(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", content))
    damage = content.decode("utf-8", "replace").count("\ufffd")
    return good >= 8 and good >= 20 * damage


def _scores(content: bytes) -> Iterator["_Score"]:
    """Score every candidate."""
    sample = _telling(content) or content[:SAMPLE]
    for name, languages in CANDIDATES.items():
        yield _score(sample, name, languages)
    head = content[: SAMPLE // 4 * 4]
    if len(content) % 2 == 0 and len(head) >= 4:
        share = len(sample) / len(head)
        for name in ("utf-16-le", "utf-16-be"):
            found = _score(head, name, LANGUAGES)
            yield _Score(found.total * share, found.mean, name, found.text)


def _telling(content: bytes) -> bytes:
    """Take the lines that have bytes beyond ASCII, up to a few thousand bytes of them."""
    found, size = [], 0
    for match in re.finditer(rb"[^\n]*[\x80-\xff][^\n]*\n?", content):
        line = match[0][: SAMPLE - size]
        found.append(line)
        size += len(line)
        if size >= SAMPLE:
            break
    return b"".join(found)


def _score(sample: bytes, name: str, languages: tuple[str, ...]) -> "_Score":
    decoder = codecs.getincrementaldecoder(name)("replace")
    text = decoder.decode(sample)  # not final: the sample may end within a character
    counts = Counter(text)
    plain = sum(count * _ascii_cost(letter) for letter, count in counts.items() if letter < "\x80")
    beyond = [(letter, count) for letter, count in counts.items() if letter >= "\x80"]
    number = sum(count for _, count in beyond)
    best = max(
        sum(count * _cost(letter, language) for letter, count in beyond) + _spelling(text, language)
        for language in languages
    )
    return _Score(plain + best + PRIOR.get(name, 0.0), best / number if number else 0.0, name, text)


def _spelling(text: str, language: str) -> float:
    """Score how letters stand together: those of one alphabet make words, accented ones are scattered among ASCII."""
    if language in ("cyrillic", "greek"):
        return -5.0 * len(re.findall(r"[A-Za-z](?=[^\W\d_A-Za-z])|[^\W\d_A-Za-z](?=[A-Za-z])", text))
    if language in ("western", "central", "turkish"):
        return -4.0 * len(re.findall(r"[^\x00-\x7f](?=[^\W\d_A-Za-z])|[a-z](?=[À-ÖØ-Þ])", text))
    return 0.0


def _ascii_cost(letter: str) -> float:
    return ASCII_COST if letter >= " " or letter in PLAIN_CONTROLS else CONTROL_COST


@lru_cache(maxsize=65536)
def _cost(letter: str, language: str) -> float:
    if letter == "\ufffd":
        return REPLACED_COST
    known = _frequencies(language).get(letter)
    if known is not None:
        return known
    point = ord(letter)
    if 0x80 <= point < 0xA0 or 0xE000 <= point < 0xF900 or point > 0x2FFFF:
        return REPLACED_COST  # controls and private use: nobody writes them
    if letter in _common(language):
        return -11.0
    if language in ("western", "central", "cyrillic", "greek", "turkish"):
        return -9.0 if point < 0x250 or 0x2010 <= point < 0x2130 else -14.0
    return -9.5 if 0xFF61 <= point < 0xFFA0 else -14.0


@lru_cache(maxsize=16)
def _frequencies(language: str) -> Mapping[str, float]:
    """Give the log-probability of the usual letters; Zipf's law fits them within a few per cent (letters.py)."""
    zipf = {
        "simplified": (letters.SIMPLIFIED, 0.8, 1.36, 64),
        "traditional": (letters.TRADITIONAL, 0.8, 1.36, 64),
        "japanese": (letters.JAPANESE, -0.8, 1.228, 4),
        "korean": (letters.KOREAN, 4.9, 2.136, 64),
    }
    if language in zipf:
        usual, height, slope, shift = zipf[language]
        marks = dict.fromkeys(letters.PUNCTUATION, -6.5) | dict.fromkeys("，。、", -4.0)
        return marks | {c: height - slope * math.log(rank + 1 + shift) for rank, c in enumerate(usual)}
    usual = {
        "western": letters.WESTERN,
        "central": letters.CENTRAL,
        "cyrillic": letters.CYRILLIC,
        "greek": letters.GREEK,
        "turkish": letters.TURKISH,
    }[language]
    # of a text in Latin letters only a few are beyond ASCII; of one in another alphabet nearly all
    rare = 0.0 if language in ("cyrillic", "greek") else -1.0
    small = {c: rare - 2.3 - 0.08 * rank for rank, c in enumerate(usual)}
    large = {c.upper(): cost - 1.5 for c, cost in small.items() if len(c.upper()) == 1}
    return dict.fromkeys("“”‘’–—…«»°©€·", rare - 4.0) | large | small


@lru_cache(maxsize=16)
def _common(language: str) -> frozenset[str]:
    """Give the letters of the first level of a language's own standard, which nearly all texts keep to."""
    rows = {
        "simplified": ("gb2312", 0xB0, 0xD7, 0xA1),
        "traditional": ("big5", 0xA4, 0xC6, 0x40),
        "japanese": ("euc_jp", 0xB0, 0xCF, 0xA1),
        "korean": ("euc_kr", 0xB0, 0xC8, 0xA1),
    }
    if language not in rows:
        return frozenset()
    name, first, last, low = rows[language]
    pairs = (bytes((row, cell)) for row in range(first, last + 1) for cell in range(low, 0xFF))
    return frozenset("".join(pair.decode(name, "ignore") for pair in pairs))
