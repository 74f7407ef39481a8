"""Which option does a written reply choose? Named cascades of steps, for English and Chinese.

Each step looks for one way of naming an option and gives its letter or nothing; the first that finds one ends the
cascade. A reply that is still thinking has not answered, and one that names several options with no word on which is
right has not either: both count as failures to extract and never as a guess.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lmloop.scoring.written import after_thinking

BOXED = re.compile(r"\\boxed\s*\{\s*(?:\\(?:text|mathrm|textbf|mathbf)\s*\{)?\s*[({\[]?\s*(?P<letter>[A-Z])\b")
OPENING = r"[\s:=,\-*_`\"'“‘«【〖\[({<$]*"
"""What may stand between the words that announce an answer and its letter: spaces, marks of emphasis, brackets."""

LETTER = r"(?P<letter>[A-Z])(?![A-Za-z0-9'’])"
ENGLISH = (
    r"(?:final |correct |right |best |my )*(?:answer|option|choice)"
    r"(?: (?:is|would be|should be|must be|will be)| ?[:=])"
    r"(?: (?:the )?(?:option|choice|letter))?"
)
CHINESE = (
    r"(?:答案|正确(?:答案|选项|的?选?项)|最终答案|选项|答)\s*(?:应该?|就|便)?\s*(?:是|为|选择?|:|=)\s*(?:选项|选择?|:)?"
    r"|(?<![不未勿别])(?:应选择?|故选择?|选择|本题选|所以选|因此选|我选|选)\s*(?:答案|选项|项)?\s*(?:是|为|:)?"
    r"|(?:正确|对|符合题意|最合适|最恰当)的?(?:选项|一项|答案)?(?:是|为)\s*(?:选项)?"
)
STATED = re.compile(rf"(?:(?i:{ENGLISH})|{CHINESE}){OPENING}{LETTER}")
PRAISED = re.compile(
    r"(?<![A-Za-z0-9])(?P<letter>[A-Z])[)\].*_`」”\"]*\s*(?:(?i:is (?:the )?(?:correct|right|best)\b)"
    r"|(?:选?项)?\s*(?:是|才是|为)?\s*(?:正确|对的|符合题意|当选|最合适))"
)
ALONE = re.compile(r"(?<![A-Za-z0-9])(?P<letter>[A-Z])(?![A-Za-z0-9'’])")
HEAD = re.compile(r"[\s*_`\"'“‘【\[({$]*(?P<letter>[A-Z])(?:[\s*_`\"'”’】\])}$]*(?:[.,;、。]|$|\n)|[)\]】])")
ARTICLE = re.compile(r" (?!(?:or|and|nor|but|is|are|was|would|because|since|as)\b)[a-z]")
FIRST = re.compile(r"\s*[(\[]?(?P<letter>[A-Z])(?![A-Za-z])")


@dataclass(frozen=True, slots=True)
class Found:
    """The letter that a reply chooses and the step that found it; without a letter, why there is none."""

    letter: str | None
    how: str


Step: TypeAlias = Callable[[str, str, Sequence[str]], str | None]
"""From a reply, the letters that there are, and the texts of the options to the letter that is meant, if any."""


WEAK = ("only", "text", "last-alone")
"""Steps that go by what is mentioned: of a reply that was cut they say nothing, as it had not come to its answer."""


def find_letter(reply: str, letters: str, choices: Sequence[str] = (), cascade: str = "letter") -> Found:
    """Find which of ``letters`` a reply chooses, by the steps of a named cascade.

    Full-width letters and marks count as their plain forms. Thinking within tags is left out; thinking that was
    never ended gives nothing.
    """
    said = after_thinking(reply)
    if said is None:
        return Found(None, "unfinished thinking")
    plain = unicodedata.normalize("NFKC", said)
    for name in CASCADES[cascade]:
        letter = STEPS[name](plain, letters, choices)
        if letter is not None:
            return Found(letter, name)
    return Found(None, "no option named" if plain.strip() else "empty")


def _last(pattern: re.Pattern[str]) -> Step:
    def step(said: str, letters: str, choices: Sequence[str]) -> str | None:
        found = [match["letter"] for match in pattern.finditer(said) if match["letter"] in letters]
        return found[-1] if found else None

    return step


def _first(pattern: re.Pattern[str]) -> Step:
    def step(said: str, letters: str, choices: Sequence[str]) -> str | None:
        return next((match["letter"] for match in pattern.finditer(said) if match["letter"] in letters), None)

    return step


def _head(said: str, letters: str, choices: Sequence[str]) -> str | None:
    """Take a letter that the reply begins with: ``B``, ``(B)``, ``B. because``; but not ``A dog``."""
    match = HEAD.match(said)
    return match["letter"] if match is not None and match["letter"] in letters else None


def _beginning(said: str, letters: str, choices: Sequence[str]) -> str | None:
    """Take a letter that the reply begins with, whatever follows: what base models are held to."""
    match = FIRST.match(said)
    return match["letter"] if match is not None and match["letter"] in letters else None


def _capital(said: str, letters: str, choices: Sequence[str]) -> str | None:
    """Take the first capital letter; one that is no option is none."""
    letter = next((sign for sign in said if sign.isascii() and sign.isupper()), "")
    return letter if letter and letter in letters else None


def _only(said: str, letters: str, choices: Sequence[str]) -> str | None:
    """Take the only option that is named at all; the English article A names none."""
    named = set()
    for match in ALONE.finditer(said):
        article = match["letter"] == "A" and ARTICLE.match(said, match.end())
        if match["letter"] in letters and not article:
            named.add(match["letter"])
    return named.pop() if len(named) == 1 else None


def _text(said: str, letters: str, choices: Sequence[str]) -> str | None:
    """Take the only option whose text is in the reply; one within another that is there, too, does not count."""
    low = said.lower()
    texts = [unicodedata.normalize("NFKC", choice).strip().rstrip(".。").lower() for choice in choices]
    there = [place for place, text in enumerate(texts) if text and text in low]
    there = [one for one in there if not any(one != other and texts[one] in texts[other] for other in there)]
    return letters[there[0]] if len(there) == 1 and there[0] < len(letters) else None


STEPS: Mapping[str, Step] = {
    "boxed": _last(BOXED),
    "stated": _last(STATED),
    "praised": _last(PRAISED),
    "head": _head,
    "beginning": _beginning,
    "only": _only,
    "text": _text,
    "capital": _capital,
    "answer-is": _first(re.compile(r"answer is \(?(?P<letter>[A-J])\)?")),
    "answer-colon": _last(re.compile(r"[aA]nswer:\s*(?P<letter>[A-J])")),
    "last-alone": _last(ALONE),
    "answer-line": _first(re.compile(r"(?i:ANSWER)\s*:\s*(?P<letter>[A-D])")),
    "answer-number": _last(re.compile(r"(?i:answer:(?!.*answer:))[^\n1-9]*(?P<letter>[1-9])")),
    "is-bracketed": _first(re.compile(r"answer is \((?P<letter>.)\)")),
    "colon-bracketed": _first(re.compile(r"[Aa]nswer: \((?P<letter>.)\)")),
    "near-bracketed": _first(re.compile(r"answer \((?P<letter>.)\)")),
    "bracketed": _first(re.compile(r"\((?P<letter>.)\)")),
    "so-the-answer": _last(re.compile(r"所以答案是\s*(?P<letter>[A-D])\s*。")),
}

CASCADES: Mapping[str, tuple[str, ...]] = {
    "letter": ("boxed", "head", "stated", "praised", "only", "text"),
    "beginning": ("beginning",),
    "capital": ("capital",),
    "mmlu-pro": ("answer-is", "answer-colon", "last-alone"),
    "answer-is": ("answer-is",),
    "ceval": ("so-the-answer", "stated", "praised", "only", "text"),
    "gpqa": ("is-bracketed", "colon-bracketed", "near-bracketed", "bracketed"),
    "answer-line": ("answer-line",),
    "answer-number": ("answer-number",),
}
"""Cascades by name: the name is part of how a score was made. ``mmlu-pro`` and ``answer-is`` are those of MMLU-Pro's
own script and of lm-eval, ``capital`` is what OpenCompass does to C-Eval, ``ceval``, ``gpqa`` and ``answer-number``
(MuSR) follow those benchmarks' own, ``answer-line`` is what simple-evals and OpenCompass ask for and search."""
