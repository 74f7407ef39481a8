"""Write ``peer.npz`` and the stored examples of the tests from spaCy and datatrove.

Run ``python -m lmloop.kernels.peer.generate EXAMPLES`` where both are installed, with the newest Python that they know.
It stops where their rules are not those that the kernels were written for.
"""

import json
import re
import sys
import unicodedata
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lmloop.kernels import normal
from lmloop.kernels.hashing import hash64
from lmloop.kernels.peer import tables as t
from lmloop.kernels.text import text_buffer

SLOTS = 8192
UNIT_SLOTS = 512

PREFIX_RULES = {r"\+(?![0-9])", r"\.\.+"}
LONG_PREFIXES = {"……", "US$", "C$", "A$"}  # the first never comes to pass: "…" stands before it
LONG_SUFFIXES = {"……", "'s", "'S", "’s", "’S"}


def literal(pattern: str) -> str | None:
    """Give the one string that a pattern matches, if it is such a one."""
    parsed = list(import_module("re._parser").parse(pattern))
    if any(str(operation) != "LITERAL" for operation, _ in parsed):
        return None
    return "".join(chr(point) for _, point in parsed)


def literals(patterns: list[str]) -> tuple[set[str], set[str]]:
    """Part the patterns that are plain strings from the rest."""
    plain = {found for pattern in patterns if (found := literal(pattern)) is not None}
    return plain, {pattern for pattern in patterns if literal(pattern) is None}


def members(pattern: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Say which code points a pattern of one character matches: bool [0x110000]."""
    match = re.compile(pattern).fullmatch
    return np.fromiter((match(chr(p)) is not None for p in range(t.POINTS)), np.bool_, t.POINTS)


def hash_of(strings: list[str]) -> list[int]:
    """Hash strings as the kernels do."""
    return [int(key) for key in hash64(text_buffer(pa.array(strings, pa.string())))]


def put(keys: list[int], slots: int) -> tuple[Any, Any]:
    """Put keys in a hash table; gives the keys and the numbers in its slots."""
    table, numbers = np.zeros(slots, np.uint64), np.full(slots, -1, np.int32)
    for number, key in enumerate(keys):
        slot = key % slots
        while table[slot]:
            slot = (slot + 1) % slots
        table[slot], numbers[slot] = key, number
    return table, numbers


def check_rules() -> tuple[set[str], set[str], list[str]]:
    """Give the strings that split off in front, at the end, and behind digits; stop where rules are others."""
    chars: Any = import_module("spacy.lang.char_classes")
    rules: Any = import_module("spacy.lang.punctuation")
    icons = chars.LIST_ICONS[0]
    front, other = literals(rules.TOKENIZER_PREFIXES)
    assert other == {*PREFIX_RULES, icons}, other
    assert {p for p in front if len(p) > 1} == LONG_PREFIXES
    back, other = literals(rules.TOKENIZER_SUFFIXES)
    assert {p for p in back if len(p) > 1} == LONG_SUFFIXES
    lower, upper, quotes = chars.ALPHA_LOWER, chars.ALPHA_UPPER, chars.CONCAT_QUOTES
    before_stop = rf"[0-9{lower}%²\-\+{chars.PUNCT}(?:{quotes})]"
    assert other == {
        *(r"\.\.+", icons, r"(?<=[0-9])\+", r"(?<=°[FfCcKk])\.", rf"(?<=[0-9])(?:{chars.CURRENCY})"),
        *(rf"(?<=[0-9])(?:{chars.UNITS})", rf"(?<={before_stop})\.", rf"(?<=[{upper}][{upper}])\."),
    }
    assert [
        *(r"\.\.+", "…", icons, r"(?<=[0-9])[+\-\*^](?=[0-9-])", rf"(?<=[{lower}{quotes}])\.(?=[{upper}{quotes}])"),
        *(
            rf"(?<=[{chars.ALPHA}]),(?=[{chars.ALPHA}])",
            rf"(?<=[{chars.ALPHA}0-9])(?:{chars.HYPHENS})(?=[{chars.ALPHA}])",
        ),
        rf"(?<=[{chars.ALPHA}0-9])[:<>=/](?=[{chars.ALPHA}])",
    ] == import_module("spacy.lang.en.punctuation").TOKENIZER_INFIXES
    assert chars.HYPHENS == "-|–|—|--|---|——|~"
    measures = [re.sub(r"\\(.)", r"\1", unit) for unit in f"{chars.UNITS}|{chars.CURRENCY}".split("|")]
    assert not any(c in "0123456789" for unit in measures for c in unit)
    return front, back, sorted(set(measures))


def make_classes(front: set[str], back: set[str], measures: list[str]) -> Any:
    """Write the bits of each code point."""
    chars: Any = import_module("spacy.lang.char_classes")
    peer: Any = import_module("datatrove.utils.text")
    ends: Any = import_module("spacy.pipeline").Sentencizer.default_punct_chars
    lower, upper, quotes = chars.ALPHA_LOWER, chars.ALPHA_UPPER, chars.CONCAT_QUOTES
    icons = members(chars.LIST_ICONS[0])
    classes = np.zeros(t.POINTS, np.uint32)
    for bit, pattern in {
        t.DIGIT: "[0-9]",
        t.ALPHA: f"[{chars.ALPHA}]",
        t.LOWER: f"[{lower}]",
        t.UPPER: f"[{upper}]",
        t.QUOTE: f"[{quotes}]",
        t.BEFORE_STOP: rf"[0-9{lower}%²\-\+{chars.PUNCT}(?:{quotes})]",
        t.HYPHEN: "[-–—~]",
        t.HOST: r"[A-Za-z0-9\u00a1-\uffff]",
        t.SCHEME: r"[\w\+\-\.]",
        t.DECIMAL: r"\d",
    }.items():
        classes[members(pattern)] |= np.uint32(bit)
    classes[icons] |= np.uint32(t.PREFIX | t.SUFFIX | t.ICON)
    for bit, strings in {
        t.PREFIX: [p for p in front if len(p) == 1],
        t.SUFFIX: [p for p in back if len(p) == 1],
        t.SYMBOL: peer.PUNCTUATION_SET,
        t.TERMINAL: peer.TERMINAL_PUNCTUATION,
        t.SENTENCE_END: ends,
        t.MEASURE: {unit[-1] for unit in measures},
        t.INFIX: ".…+-*^,–—~:<>=/",
        t.RULED: "+.$",
    }.items():
        for character in strings:
            classes[ord(character)] |= np.uint32(bit)
    for point in range(t.POINTS):
        character = chr(point)
        classes[point] |= np.uint32(t.LETTER * character.isalpha())
        classes[point] |= np.uint32(t.PUNCTUATION * unicodedata.category(character).startswith("P"))
        classes[point] |= np.uint32(t.SPACE * character.isspace())
    classes[icons] |= np.uint32(t.INFIX)
    classes[classes & (t.PREFIX | t.SUFFIX | t.INFIX | t.DIGIT) > 0] |= np.uint32(t.RULED)
    assert not ((classes & t.SYMBOL > 0) & (classes & t.LETTER > 0)).any()
    return classes


def sizes(cases: list[str]) -> Any:
    """Give the numbers of bytes that cases have, as bits, for each first byte."""
    bits = np.zeros(256, np.uint32)
    for case in map(str.encode, cases):
        bits[case[0]] |= np.uint32(1 << len(case))
    return bits


def make_specials(tokenizer: Any) -> dict[str, Any]:
    """Give the arrays of the special cases, some of which are also looked for among finished tokens."""
    plain = type(tokenizer)(
        tokenizer.vocab,
        prefix_search=tokenizer.prefix_search,
        suffix_search=tokenizer.suffix_search,
        infix_finditer=tokenizer.infix_finditer,
        url_match=tokenizer.url_match,
    )
    assert tokenizer.token_match is None
    cases = sorted(case for case in tokenizer.rules if not any(c.isspace() for c in case))
    first, widths, found_first, found_widths, found = [0], [], [0], [], []
    for case in cases:
        widths += [len(token[65].encode()) for token in tokenizer.rules[case]]  # 65: the attribute ORTH
        first.append(len(widths))
        if tokenizer.find_prefix(case) or tokenizer.find_infix(case) or tokenizer.find_suffix(case):
            found.append(case)
            found_widths += [len(token.text.encode()) for token in plain(case)]
        found_first.append(len(found_widths))
    keys, numbers = put(hash_of(cases), SLOTS)
    arrays = {"hash": keys, "number": numbers, "sizes": sizes(cases), "found_sizes": sizes(found)}
    for name, values in zip(t.Specials._fields[2:6], (first, widths, found_first, found_widths), strict=True):
        arrays[name] = np.array(values, np.int32)
    return arrays


def simplify(character: str) -> str:
    """Give what datatrove's ``simplify_text`` makes of one character by itself."""
    punctuation = import_module("datatrove.utils.text").PUNCTUATION
    out = ""
    for part in character.lower():
        if unicodedata.category(part) == "Nd":
            out += "0"
        elif part.isspace() or part in punctuation:
            out += " "
        else:
            out += "".join(c for c in unicodedata.normalize("NFD", part) if unicodedata.category(c) != "Mn")
    return out


def make_examples(tokenizer: Any, chunks: list[str]) -> dict[str, list[str]]:
    """Give the tokens of chunks of text."""
    return {chunk: [token.text for token in tokenizer(chunk)] for chunk in chunks}


def generate(examples: Path) -> None:
    """Write the table, and the tokens of the chunks in a file of examples into that file."""
    tokenizer = import_module("spacy").blank("en").tokenizer
    front, back, measures = check_rules()
    specials = make_specials(tokenizer)
    classes = make_classes(front, back, measures)
    blocks, index = np.unique(classes.reshape(-1, t.BLOCK), axis=0, return_inverse=True)
    arrays: dict[str, Any] = {f"special_{name}": array for name, array in specials.items()}
    arrays |= {f"normal_{name}": array for name, array in normal.make_rules(simplify).items()}
    arrays |= {"blocks": blocks, "index": index.reshape(-1).astype(np.uint16)}
    np.savez_compressed(t.TABLE, units=put(hash_of(measures), UNIT_SLOTS)[0], **arrays)
    chunks = list(json.loads(examples.read_text(encoding="utf-8")))
    examples.write_text(
        json.dumps(make_examples(tokenizer, chunks), ensure_ascii=False, indent=0) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    generate(Path(sys.argv[1]))
