"""Words and sentences of English text as the Natural Language Toolkit counts them, without its data.

Words follow the Penn Treebank's rules. Sentences follow Kiss and Strunk 2006, "Unsupervised Multilingual Sentence
Boundary Detection" (Punkt), with a short list of abbreviations in place of the trained one; where 。！？ end a sentence
they count, which the trained English model passes over.
"""

import re

SHORT = (
    "mr mrs ms dr prof rev hon st jr sr gen col lt sgt capt gov sen rep pres messrs mt ft vs etc e.g i.e cf viz al "
    "ca approx inc ltd co corp bros dept univ assn ave blvd rd vol vols pp p fig figs eq ed eds trans u.s "
    "u.k u.n e.u d.c a.m p.m b.c a.d ph.d m.d b.a m.a b.sc m.sc jan feb mar apr jun jul aug sep sept oct nov dec "
    "mon tue wed thu fri sat sun"
)
ABBREVIATIONS = frozenset(SHORT.split())
END = re.compile(r"[.?!]+[\"')\]}”’»*]*(?=\s+(\S))|[。！？｡]+[”’」』）]*")
INITIAL = re.compile(r"(?:^|[\s(\"'])[A-Za-z]\.$")
LAST_WORD = re.compile(r"([\w.]+)\.$")

TREEBANK = (
    (re.compile(r"([«“‘„”»’]|``|\"|[–—]|--|\.\.\.|[;@#$%&?!\[\](){}<>|])"), r" \1 "),
    (re.compile(r"([:,])(?!\d)"), r" \1 "),
    (re.compile(r"([^\s'])'(?=\s|$)"), r"\1 ' "),
    (re.compile(r"(?<=\S)('(?:s|m|d|ll|re|ve)|n't)(?=\s|$|[^\w'])", re.IGNORECASE), r" \1 "),
    (re.compile(r"\b(can)(not)\b", re.IGNORECASE), r" \1 \2 "),
    (re.compile(r"\b(gim|lem)(me)\b", re.IGNORECASE), r" \1 \2 "),
    (re.compile(r"\b(gon|wan)(na)\b", re.IGNORECASE), r" \1 \2 "),
    (re.compile(r"\b(got)(ta)\b", re.IGNORECASE), r" \1 \2 "),
    (re.compile(r"'(t)(is|was)\b", re.IGNORECASE), r" '\1 \2 "),
)


def sentences(text: str) -> int:
    """Count sentences; text without a mark is one, none is none."""
    body = text.strip()
    if not body:
        return 0
    count, end = 0, 0
    for found in END.finditer(body):
        if found[0][0] in "。！？｡" or _ends(body[: found.start()] + found[0][0], found[0], found[1]):
            count, end = count + 1, found.end()
    return count + bool(body[end:].strip())


def words(text: str) -> int:
    r"""Count runs of letters, digits and ``_``: what ``\w+`` finds."""
    return len(re.findall(r"\w+", text))


def treebank(text: str) -> list[str]:
    """Cut a text into words and marks by the rules of the Penn Treebank; only a text's last full stop is cut off."""
    for expression, put in TREEBANK:
        text = expression.sub(put, text)
    text = re.sub(r"([^.\s])(\.)(\s*[\])}>\"']*\s*)$", r"\1 \2 \3", text)
    return text.split()


def _ends(before: str, marks: str, following: str) -> bool:
    """Tell whether a mark ends a sentence: a full stop may belong to an abbreviation, an initial, a number or dots."""
    if "?" in marks or "!" in marks:
        return True
    if marks.startswith(".."):
        return following.isupper()
    if INITIAL.search(before):
        return False
    word = LAST_WORD.search(before)
    if word is None:
        return True
    if word[1].lower() == "no":
        return not following.isdigit()
    return not following.islower() if word[1].isdigit() else word[1].lower() not in ABBREVIATIONS
