"""Finding the answer in what a model wrote: numbers, boxes, final answers, code, and what comes after thinking."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import TypeAlias

Finder: TypeAlias = Callable[[str], str | None]
"""Finds an answer in a reply; None where there is none."""

OPENED = re.compile(r"<(think|thinking|thought|reasoning)>", re.IGNORECASE)
CLOSED = re.compile(r"</(think|thinking|thought|reasoning)>", re.IGNORECASE)
BLOCK = re.compile(r"^[ \t]*(```+|~~~+)[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^[ \t]*\1|\Z)", re.DOTALL | re.MULTILINE)
HASHES = re.compile(r"#### (\-?[0-9\.\,]+)")
LAST_NUMBER = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")
BARE_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
PLAIN_NUMBER = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?|[-−]?\.\d+")
THE_ANSWER = re.compile(r"The answer is (\-?[0-9\.\,]+).")
FINAL = re.compile(
    r"(?:(?:the|my)\s+)?(?:final\s+|correct\s+)?answer\s*(?:is|:|=|：)\s*:?\s*(?P<en>[^\n]+)"
    r"|(?:最终)?(?:答案|结果)(?:应该|应)?(?:是|为|选)?\s*[:：]?\s*(?P<zh>[^\n。]+)",
    re.IGNORECASE,
)


def after_thinking(reply: str) -> str | None:
    """Give what comes after a block of thinking; the whole reply where there is none.

    None where the block was begun and never ended: the limit of tokens cut it off, and nothing in it is an answer. A
    block may be ended without a beginning, which stood in the prompt then.
    """
    closed = _last(CLOSED, reply)
    rest = reply[closed.end() :] if closed else reply
    opened = OPENED.search(rest)
    if opened is None:
        return rest.lstrip("\n") if closed else rest
    return None if not rest[: opened.start()].strip() or not closed else rest[: opened.start()]


def hashed_number(reply: str) -> str | None:
    """Find the number behind ``####``, as GSM8K's own script and lm-eval's ``strict-match`` do."""
    found = HASHES.search(reply)
    return found[1] if found else None


def stated_number(reply: str) -> str | None:
    """Find the number of "The answer is 7.", as lm-eval's ``strict-match`` of the chain-of-thought form does."""
    found = THE_ANSWER.search(reply)
    return found[1] if found else None


def last_number(reply: str) -> str | None:
    """Find the last number, as lm-eval's ``flexible-extract`` does: two dots in a row are one to it, too."""
    found = LAST_NUMBER.findall(reply)
    return next((part for part in found[-1] if part), None) if found else None


def bare_number(reply: str) -> str | None:
    """Find the last number as OpenCompass does: of one with commas, what comes after the last of them."""
    found = BARE_NUMBER.findall(reply)
    return found[-1] if found else None


def plain_number(reply: str) -> str | None:
    """Find the last number that is one, full-width digits (１２) included; a boxed or stated one goes before."""
    text = unicodedata.normalize("NFKC", reply)
    for part in (boxed(text), final(text), text):
        if part is not None and (found := PLAIN_NUMBER.findall(part)):
            return str(found[0 if part is not text else -1]).replace("−", "-")
    return None


def same_number(found: str, answer: str) -> bool:
    """Compare two numbers by value, or as lm-eval compares them where one is none: without ``, $`` and a last dot."""
    one, other = _bare(found), _bare(answer)
    try:
        return one == other or abs(float(one) - float(other)) < 1e-6
    except ValueError:
        return False


def same_text_number(found: str, answer: str) -> bool:
    """Compare as lm-eval does: the same characters once ``,``, ``$`` and a last dot are gone."""
    return _bare(found) == _bare(answer)


def boxed(reply: str) -> str | None:
    r"""Find what the last ``\boxed{...}`` or ``\fbox{...}`` holds, braces within it balanced."""
    start = max(reply.rfind("\\boxed"), reply.rfind("\\fbox"))
    if start < 0:
        return None
    if reply.startswith("\\boxed ", start):
        return reply[start + 7 :].partition("$")[0].strip()
    opening = reply.find("{", start)
    depth = 0
    for place in range(opening, len(reply)) if opening >= 0 else ():
        depth += {"{": 1, "}": -1}.get(reply[place], 0)
        if depth == 0:
            return reply[opening + 1 : place]
    return None


def final(reply: str) -> str | None:
    """Find what a reply says its answer is, in English or Chinese: the last time that it says so."""
    found = _last(FINAL, reply)
    if found is None:
        return None
    return (found["en"] or found["zh"]).strip().strip("*").rstrip(".。").strip() or None


def first_line(reply: str) -> str | None:
    """Give the first line that is not blank."""
    return next((line.strip() for line in reply.splitlines() if line.strip()), None)


def last_line(reply: str) -> str | None:
    """Give the last line that is not blank."""
    return next((line.strip() for line in reversed(reply.splitlines()) if line.strip()), None)


def whole(reply: str) -> str | None:
    """Give the whole reply, without white space around it."""
    return reply.strip() or None


def code_blocks(reply: str, language: str = "") -> list[str]:
    """List the fenced blocks of code, of one language or all; one that was cut off at the end counts."""
    blocks = [(found[2].lower(), found[3]) for found in BLOCK.finditer(reply)]
    return [code for name, code in blocks if not language or name in ("", language, language[:2], f"{language}3")]


def code(reply: str) -> str | None:
    """Find the program in a reply: its longest fenced block of Python, else its longest block."""
    blocks = code_blocks(reply, "python") or code_blocks(reply)
    return max(blocks, key=len) if blocks else None


def pattern(wanted: str) -> Finder:
    """Make a finder of a regular expression: its first group, or all of it, at the last place where it matches."""
    expression = re.compile(wanted, re.MULTILINE)

    def find(reply: str) -> str | None:
        found = _last(expression, reply)
        return None if found is None else (found[1] if expression.groups else found[0])

    return find


FINDERS: dict[str, Finder] = {
    "whole": whole,
    "hashed-number": hashed_number,
    "stated-number": stated_number,
    "last-number": last_number,
    "bare-number": bare_number,
    "number": plain_number,
    "boxed": boxed,
    "final": final,
    "first-line": first_line,
    "last-line": last_line,
    "code": code,
}


def cascade(names: Sequence[str], reply: str) -> tuple[str | None, str]:
    """Try finders in turn, and give the first answer with the name of what found it.

    A name that is none of :data:`FINDERS` is a regular expression.
    """
    for name in names:
        if (found := (FINDERS.get(name) or pattern(name))(reply)) is not None:
            return found, name
    return None, ""


def _bare(number: str) -> str:
    return number.replace(",", "").replace("$", "").removesuffix(".").strip().lower()


def _last(expression: re.Pattern[str], text: str) -> re.Match[str] | None:
    return max(expression.finditer(text), key=lambda found: found.start(), default=None)
