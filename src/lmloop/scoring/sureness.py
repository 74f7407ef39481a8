"""Questions that have an answer, what a model says to them, and how it is asked whether it is sure.

The words are those of R-Tuning (Zhang et al. 2024, "R-Tuning: Instructing Large Language Models to Say 'I Don't
Know'"), in English, and in Chinese where a question is.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from lmloop.core.model import Prompt, Reply, Request, Sampling, Scoring, Writing, raw_text, text_prompt
from lmloop.core.record import Record, Turn
from lmloop.scoring.likelihood import Scored, best, shares
from lmloop.scoring.refusal import refuses
from lmloop.scoring.words import HAN

Form: TypeAlias = Literal["turns", "text"]
Match: TypeAlias = Literal["contains", "exact"]

NO_QUESTION, NO_ANSWER = "it has no prompt to answer", "it has no answer to compare with"
NOT_PROBED = "the step probe has not asked it"


class Unasked(Exception):
    """A record that cannot be asked, and why."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said in a language: the raw form of a question, how it is asked whether the answer is sure, and more."""

    raw: str
    stop: str
    gap: str
    ask: str
    sure: str
    unsure: str
    refusals: tuple[str, ...]


ENGLISH = Words(
    "Question: {} Answer:",
    ".",
    " ",
    "Are you sure you accurately answered the question based on your internal knowledge?",
    "I am sure.",
    "I am unsure.",
    (
        "I don't know.",
        "I am not sure about that.",
        "I do not know the answer to that.",
        "That is beyond what I know.",
    ),
)
CHINESE = Words(
    "问题：{} 答案：",
    "。",
    "",
    "你确定你是凭自己的知识准确回答了这个问题吗？",
    "我确定。",
    "我不确定。",
    ("我不知道。", "这个我不确定。", "我不知道这个问题的答案。", "这超出了我的知识。"),
)
SILENT = re.compile(
    r"\b(?:i (?:do not|don't|dont) (?:really )?know|i(?:'m| am) (?:not sure(?: about that)?\.?$|unsure\.?$)"
    r"|beyond what i know|no idea)|不知道|这个我不确定|不清楚|超出了我的知识",
    re.IGNORECASE,
)


def words_for(text: str) -> Words:
    """Give the words for the language of a text."""
    return CHINESE if HAN.search(text) else ENGLISH


def is_silent(reply: str) -> bool:
    """Tell whether a reply says that it does not know, or refuses; an empty one does."""
    return bool(SILENT.search(reply.replace("’", "'"))) or refuses(reply)


@dataclass(frozen=True, slots=True)
class Question:
    """A question: its prompt, the right answers, and the options where it has some."""

    prompt: Prompt
    words: Words
    answers: tuple[str, ...]
    options: tuple[str, ...] = ()

    def reply(self, text: str) -> str:
        """Give an answer as it follows the prompt: a raw one wants a space before it, and a full stop."""
        if raw_text(self.prompt) is None:
            return text
        return f"{self.words.gap}{bare(text)}{self.words.stop}"

    def doubt(self, said: str) -> Prompt:
        """Give the prompt that asks whether what was said is sure."""
        raw = raw_text(self.prompt)
        if raw is None:
            return (*self.prompt, Turn("assistant", said), Turn("user", self.words.ask))
        return text_prompt(f"{raw}{self.reply(said)}{self.words.gap}{self.words.ask}")

    def certainty(self, sure: bool) -> str:
        """Give what is said to that."""
        said = self.words.sure if sure else self.words.unsure
        return said if raw_text(self.prompt) is None else f"{self.words.gap}{said}"

    def matches(self, said: str, match: Match = "contains") -> bool:
        """Tell whether what was said is right: it holds a right answer, or is one."""
        return is_right(said, self.answers, match)


@dataclass(frozen=True, slots=True)
class Said:
    """What a model says to a question: the answer, whether it is right, and its confidence from 0 to 1.

    The confidence is the geometric mean of the chances of its tokens, or the share of an option among all. ``options``
    holds the shares of all of them.
    """

    text: str
    right: bool
    confidence: float
    options: tuple[float, ...] = ()


def question_of(record: Record, form: Form, answered: bool = True) -> Question:
    """Read a record as a question; the answers are its text, or its right choice, and ``answers`` in its meta.

    Raises:
        Unasked: it is none, or (if it has to be ``answered``) has no answer.
    """
    if not any(turn.text.strip() for turn in record.prompt):
        raise Unasked(NO_QUESTION)
    right = record.choices[record.answer] if record.choices and record.answer is not None else record.text
    if (record.choices and record.answer is None) or (answered and not right.strip()):
        raise Unasked(NO_ANSWER)
    words = words_for(record.prompt[-1].text)
    prompt = record.prompt
    if form == "text" and raw_text(prompt) is None:
        prompt = text_prompt(words.raw.format("\n".join(turn.text for turn in prompt)))
    more = record.meta.get("answers")
    others = [str(each) for each in more] if isinstance(more, list) and not record.choices else []
    return Question(prompt, words, tuple(dict.fromkeys([right, *others])), record.choices)


def probed(record: Record) -> Mapping[str, Any]:
    """Give what the step ``probe`` noted of a record; nothing if it did not ask it."""
    noted = record.meta.get("probe")
    return noted if isinstance(noted, Mapping) and "known" in noted else {}


def is_right(said: str, answers: Iterable[str], match: Match = "contains") -> bool:
    """Tell whether what was said holds one of the right answers, or is one; an empty answer is none."""
    text = plain(said)
    known = filter(None, map(plain, answers))
    return any(answer == text if match == "exact" else answer in text for answer in known)


def ask(question: Question, sampling: Sampling) -> list[Request]:
    """Say what to ask: for a reply, or how likely each option is."""
    if question.options:
        return [Scoring(question.prompt, _option(question, option)) for option in question.options]
    return [Writing(question.prompt, sampling)]


def heard(question: Question, replies: Sequence[Reply], match: Match = "contains") -> Said:
    """Judge the replies to what was asked."""
    if not question.options:
        said = replies[0]
        return Said(bare(said.text), question.matches(said.text, match), confidence(said))
    scored = [
        Scored(option, -math.inf if reply.logprob is None else reply.logprob)
        for option, reply in zip(question.options, replies, strict=True)
    ]
    place, found = best([option.logprob for option in scored]), shares(scored)
    right = question.options[place] == question.answers[0]
    return Said(question.options[place], right, found[place], tuple(found))


def confidence(reply: Reply) -> float:
    """Give the geometric mean of the chances of a reply's tokens; 0 where they are not known."""
    return min(1.0, math.exp(reply.logprob / reply.tokens)) if reply.logprob is not None and reply.tokens else 0.0


def ask_sure(question: Question, said: str) -> list[Request]:
    """Say what to ask of an answer: how likely is it that the model calls it sure, and how likely unsure?"""
    return [Scoring(question.doubt(said), question.certainty(sure)) for sure in (True, False)]


def sure_share(replies: Sequence[Reply]) -> float:
    """Give the chance of "sure" among the two."""
    return shares([Scored("", -math.inf if reply.logprob is None else reply.logprob) for reply in replies])[0]


def bare(text: str) -> str:
    """Take white space and the full stop at the end away."""
    return text.strip().rstrip(".。").strip()


def plain(text: str) -> str:
    """Make answers alike before they are compared: width and case, white space, the stop at the end."""
    return " ".join(bare(unicodedata.normalize("NFKC", text)).casefold().split())


def _option(question: Question, option: str) -> str:
    return option if raw_text(question.prompt) is None else f"{question.words.gap}{option}"
