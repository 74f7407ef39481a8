"""GPQA: questions of physics, chemistry and biology that a search does not answer (Rein et al., 2023)."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_rows

OPTION = "({letter}) {choice}\n"
ASKED = "What is the correct answer to this question:{question}\nChoices:\n{options}"
LAST_LINE = (
    "Answer the following multiple choice question. The last line of your response should be of the following format: "
    "'ANSWER: $LETTER' (without quotes) where LETTER is one of ABCD. Think step by step before answering.\n\n"
)
WRONG = ("Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
RIGHT = "Correct Answer"
BRACKETS = re.compile(r"\[.*?\]")


class Gpqa(Choice):
    """Choose one of four answers to questions of experts; its three sets are its subjects.

    ``diamond`` (198 questions) lies within ``main`` (448), and that within ``extended`` (546): errors over all of them
    count a question once. Most reports mean ``subjects = ["diamond"]``.

    The data has the right answer in a column of its own, so that each profile says in which order options stand:
    ``official`` shuffles each set with seed 0, as the authors' script does, and searches the reply that it asks for;
    ``leaderboard-v2`` and ``lm-eval`` compare the likelihoods of the letters, and shuffle with the seed that lm-eval
    begins with, 0, too (there, the order also hangs on what else was asked before in the same process);
    ``opencompass`` asks for a last line with the letter, and moves options on by one place from question to question.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc", chance=0.25), *METRICS[1:])
    source: ClassVar[Source] = Source(
        "gpqa",
        "CC BY 4.0",
        "https://huggingface.co/datasets/Idavidrein/gpqa",
        # the three sets, and not gpqa_experts.csv
        {"test": ("gpqa_[dme][iax][ait]*.csv", "dataset/gpqa_[dme][iax][ait]*.csv")},
        hub="Idavidrein/gpqa",
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form(
            "What is the correct answer to this question: {question}\n\nChoices:\n{options}\n"
            'Format your response as follows: "The correct answer is (insert answer here)"',
            option=OPTION,
            by="writing",
            max_tokens=1000,
            extract="gpqa",
        ),
        "lm-eval": Form(ASKED + "Answer:", " ({letter})", option=OPTION, metric="acc_norm"),
        "leaderboard-v2": Form(ASKED + "Answer: ", " ({letter})", option=OPTION, metric="acc_norm"),
        "opencompass": Form(
            LAST_LINE + "{question}\n\nA) {A}\nB) {B}\nC) {C}\nD) {D}",
            "{letter}",
            by="writing",
            max_tokens=2048,
            extract="answer-line",
        ),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read a set, and put the options of each question in the profile's order."""
        profile = self.profile or next(iter(self.forms))
        chance, clean = Random(0), CLEANERS.get(profile, str)
        for number, row in enumerate(read_rows(path), 1):
            options = [clean(row[name]) for name in (*WRONG, RIGHT)]
            if profile == "opencompass":
                # the right one first, then moved on
                options = options[3:] + options[:3]
                options = options[number % 4 :] + options[: number % 4]
            else:
                chance.shuffle(options)
            fields = {"question": row["Question"], **dict(zip("ABCD", options, strict=True))}
            name = row.get("Record ID") or row["Question"]
            answer = options.index(clean(row[RIGHT]))
            yield Item(fields, tuple(options), answer, group=path.stem.removeprefix("gpqa_"), cluster=name)

    def reading(self) -> dict[str, Any]:
        """The order of the options is the profile's."""
        return {"profile": self.profile or next(iter(self.forms))}

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give two sets of invented questions, of which one lies within the other."""
        head = ",".join(("Record ID", "Question", RIGHT, *WRONG))
        rows = [f"rec{n},What is {n} and one more?,{n + 1},{n},{n + 2},none" for n in range(8)]
        sets = {"main": rows, "diamond": rows[:6]}
        return {f"gpqa/gpqa_{name}.csv": "\n".join([head, *some, ""]).encode() for name, some in sets.items()}


def _stripped(text: str) -> str:
    """Tidy an option as lm-eval does; one that is not there is a space."""
    return text.strip().replace(" [title]", ". ").replace("  ", " ") if text else " "


def _bracketless(text: str) -> str:
    """Tidy an option as the leaderboard's form does: what stands in brackets goes, too."""
    if not text:
        return " "
    return BRACKETS.sub("", text.strip().replace(" [title]", ". ")).replace("  ", " ")


CLEANERS: Mapping[str, Callable[[str], str]] = {
    "lm-eval": _stripped,
    "leaderboard-v2": _bracketless,
}
