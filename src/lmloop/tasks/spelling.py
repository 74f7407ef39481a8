"""Spelling: which of two words is a word? A task for toys, in English and in Chinese."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import ClassVar

from pydantic import Field

from lmloop.core.model import Reply, Request, Scores, Scoring, text_prompt
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric, Task


class Spelling(Task):
    """Ask which is likelier, each of ``words`` or the same letters in another order (drawn by ``seed``).

    A model is right where it gives the word more probability.
    """

    needs: ClassVar[tuple[type, ...]] = (Scores,)
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc", chance=0.5),)

    words: list[str] = Field(["the", "other", "there", "that", "with", "model", "data", "模型", "数据"], min_length=1)
    seed: int = 0

    def questions(self) -> Iterator[Record]:
        """Give two choices a word; the answer says which is the word."""
        chance = Random(self.seed)
        for word in dict.fromkeys(self.words):
            other = _turned(word, chance)
            if other == word:
                continue
            answer = chance.randrange(2)
            choices = (word, other) if answer == 0 else (other, word)
            yield Record(prompt=text_prompt(""), choices=choices, answer=answer, meta={"task": self.name()})

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        """Ask how likely each of the two is."""
        return [] if said else [Scoring(record.prompt, choice) for choice in record.choices]

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """Compare the probabilities of the two."""
        first, second = (reply.logprob or 0.0 for reply in said)
        right = (first > second) if record.answer == 0 else (second > first)
        why = f"{record.choices[0]!r} {first:.3f}, {record.choices[1]!r} {second:.3f}"
        return Grade(record.id, {"acc": float(right)}, why)


def _turned(word: str, chance: Random) -> str:
    """Put the letters of a word in another order; a word of equal letters has none."""
    for _ in range(20):
        letters = list(word)
        chance.shuffle(letters)
        if (other := "".join(letters)) != word:
            return other
    return word
