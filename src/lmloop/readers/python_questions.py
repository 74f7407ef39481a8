"""Questions about the Python installation that lmloop runs on, and their answers: instructions every user has."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Literal

from pydantic import Field

from lmloop.core.reader import Reader, Reject, Source
from lmloop.core.record import Record, Turn
from lmloop.formats.docstrings import Docstring, What, read_docstrings
from lmloop.formats.installation import TESTS, python_files

ASKED: Mapping[What, str] = {
    "function": "What does the function `{name}` of `{module}` do?",
    "class": "What is the class `{name}` of `{module}` for?",
    "module": "What is the module `{module}` about?",
}
SENTENCE = re.compile(r"[A-Z].*?[.!](?= |$)")
SHORTEST, LONGEST = 20, 200
HELD = 10
"""One file in so many is kept for the test."""


class PythonQuestions(Reader):
    """Ask what the functions, classes and modules of this Python installation are for, as their docstrings tell.

    The answer is the docstring's first sentence. The ``part`` "train" gives replies (prompt, text), a task each for
    function, class and module; "test" gives multiple-choice questions from other files, with answers to questions of
    the same kind from the same file to choose from, ``choices`` in all. ``packages`` limits installed packages to
    those named (the standard library stays). Tests are not asked about.
    """

    part: Literal["train", "test"] = "train"
    choices: int = Field(4, ge=2, le=26)
    packages: list[str] | None = None

    def sources(self, base: Path) -> Iterator[Source]:
        """List the installation's Python files of this part, ordered by name."""
        for name, path in sorted(python_files("*.py", self.packages)):
            if not TESTS.intersection(name.split("/")) and _held(name) == (self.part == "test") and path.is_file():
                yield Source(path, name, path.stat().st_size)

    def read(self, source: Source) -> Iterator[Record | Reject]:
        """Give the questions that a file answers."""
        try:
            docstrings = read_docstrings(source.path.read_bytes())
        except ValueError as bad:
            yield Reject(source.name, "not Python", str(bad))
            return
        module = _module(source.name)
        answers: dict[What, dict[str, Docstring]] = {"function": {}, "class": {}, "module": {}}
        for found in docstrings:
            if (answer := _first_sentence(found.text)) and not _private(found.name, module):
                answers[found.what].setdefault(answer, found)
        for what, said in answers.items():
            chance = Random(f"{source.name} {what}")
            for answer, found in said.items():
                prompt = (Turn("user", ASKED[what].format(name=found.name, module=module)),)
                meta = {"source": source.name, "task": what}
                if self.part == "train":
                    yield Record(answer, prompt, meta=meta)
                elif len(said) >= self.choices:
                    yield self._question(prompt, answer, [*said], chance, meta)

    def _question(
        self, prompt: tuple[Turn, ...], answer: str, others: Sequence[str], chance: Random, meta: Mapping[str, str]
    ) -> Record:
        wrong = chance.sample([other for other in others if other != answer], self.choices - 1)
        place = chance.randrange(self.choices)
        choices = (*wrong[:place], answer, *wrong[place:])
        return Record(prompt=prompt, choices=choices, answer=place, meta=meta)


def _held(name: str) -> bool:
    """Tell whether a file is one of those for the test, by its name alone."""
    return hashlib.blake2b(name.encode(), digest_size=4).digest()[0] % HELD == 0


def _module(name: str) -> str:
    """Give the dotted name under which a file is imported."""
    path = name.partition("/")[2].removesuffix(".py").removesuffix("/__init__")
    return path.replace("/", ".")


def _private(name: str, module: str) -> bool:
    return any(part.startswith("_") for part in (*name.split("."), *module.split(".")))


def _first_sentence(text: str) -> str:
    """Give the first sentence where it is one, of a fair length; nothing else."""
    match = SENTENCE.match(" ".join(text.partition("\n\n")[0].split()))
    said = match[0] if match else ""
    return said if SHORTEST <= len(said) <= LONGEST else ""
