r"""Answers in LaTeX: whether two are the same, though one is written ``\frac12`` and the other ``0.5``.

Two ways, which are those of the Open LLM Leaderboard v2: ``verified`` asks the package Math-Verify; ``final_answer``
reads the sentence that the examples end in, and ``same_final`` tidies both answers (Lewkowycz et al. 2022, appendix D)
and asks SymPy where they still differ. A comparison that takes too long counts as a difference.
"""

import logging
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from threading import current_thread, main_thread
from types import FrameType

from lmloop.core.errors import ExtraMissing
from lmloop.core.extras import need

SECONDS = 5
FINAL = re.compile(r"Final Answer: The final answer is(.*?). I hope it is correct.")
HOPE = "I hope it is correct."

REPLACED = (
    ("an ", ""),
    ("a ", ""),
    (".$", "$"),
    ("\\$", ""),
    ("\\ ", ""),
    (" ", ""),
    ("mbox", "text"),
    (",\\text{and}", ","),
    ("\\text{and}", ","),
    ("\\text{m}", "\\text{}"),
)
# fmt: off
UNITS = (
    "square", "ways", "integers", "dollars", "mph", "inches", "ft", "hours", "km", "units", "\\ldots", "sue", "points",
    "feet", "minutes", "digits", "cents", "degrees", "cm", "gm", "pounds", "meters", "meals", "edges", "students",
    "childrentickets", "multiples", "\\text{s}", "\\text{.}", "\\text{\ns}", "\\text{}^2", "\\text{}^3", "\\text{\n}",
    "\\text{}", "\\mathrm{th}", "^\\circ", "^{\\circ}", "\\;", ",\\!", "{,}", '"', "\\dots",
)
# fmt: on
UNWRAPPED = (
    (re.compile(r"(.*?)(\$)(.*?)(\$)(.*)"), r"$\3$"),
    (re.compile(r"(\\text\{)(.*?)(\})"), r"\2"),
    (re.compile(r"(\\textbf\{)(.*?)(\})"), r"\2"),
    (re.compile(r"(\\overline\{)(.*?)(\})"), r"\2"),
    (re.compile(r"(\\boxed\{)(.*)(\})"), r"\2"),
    (re.compile(r"(frac)([^{])(.)"), r"frac{\2}{\3}"),
    (re.compile(r"(sqrt)([^{])"), r"sqrt{\2}"),
)


def ready() -> None:
    """See that what compares answers is installed.

    Raises:
        ExtraMissing: it is not, or its parser has another version than SymPy reads LaTeX with.
    """
    need("math_verify", "math")
    need("antlr4", "math")
    if not version("antlr4-python3-runtime").startswith("4.11"):
        raise ExtraMissing(
            "SymPy reads LaTeX with antlr4-python3-runtime 4.11, and another version is installed",
            hint="pip install 'lmloop[math]'",
        )
    from sympy.parsing.latex import parse_latex

    parse_latex("1")  # its grammar is read at the first use, which is not to be counted as that answer's time
    # it says of each answer that took too long that it did; whoever is asked says so in its own words
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)


def verified(reply: str, solution: str, boxed: bool = True) -> tuple[bool, str | None]:
    r"""Say whether a reply comes to the answer of a solution, and what was read of it; None where nothing was.

    With ``boxed`` the solution's answer is LaTeX within it, as a rule in ``\boxed``; else it may be a plain number.
    """
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

    limit = SECONDS if _interruptible() else None
    ways = [LatexExtractionConfig()] if boxed else [LatexExtractionConfig(), ExprExtractionConfig()]
    wanted = parse(solution, extraction_config=ways, parsing_timeout=limit)
    found = parse(reply, parsing_timeout=limit)
    right = bool(verify(wanted, found, timeout_seconds=limit))
    return right, str(found[-1]) if found else None


def final_answer(reply: str) -> str | None:
    """Find the answer in the sentence with which the published examples end; a reply may stop within it."""
    found = FINAL.search(reply + HOPE)
    return found[1].strip() if found else None


def same_final(found: str, answer: str) -> bool:
    """Compare two answers: their tidied letters, then what SymPy takes them for."""
    one, other = tidied(found), tidied(answer)
    return one.strip() == other.strip() or _equal(one, other)


def tidied(answer: str) -> str:
    """Tidy an answer: no units, no words around it, shorthand written out (Lewkowycz et al. 2022, appendix D)."""
    text = answer.rpartition("=")[2]
    for before, after in REPLACED:
        text = text.replace(before, after)
    for unit in UNITS:
        text = text.replace(unit, "")
    for wrapped, inner in UNWRAPPED:
        text = wrapped.sub(inner, text)
    text = text.replace("$", "")
    return text.replace(",", "") if text.replace(",", "").isdigit() else text


def _equal(one: str, other: str) -> bool:
    """Ask SymPy whether the difference of two is 0; of what it cannot read, nothing is equal."""
    import sympy
    from sympy.parsing.latex import parse_latex

    try:
        with _within(SECONDS):
            return bool(sympy.simplify(parse_latex(one) - parse_latex(other)) == 0)
    except Exception:  # whatever a reply holds goes into a parser and an algebra system: each has errors of its own
        return False


def _interruptible() -> bool:
    """Whether a signal can end a comparison: only the main thread hears of signals."""
    return current_thread() is main_thread() and hasattr(signal, "SIGALRM")


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    if not _interruptible():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
