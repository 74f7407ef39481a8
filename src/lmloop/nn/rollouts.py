"""Rollouts: what a model writes itself, graded, as the rows of its next step.

Shape letters: B rows, T places, Q questions, R replies to each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch

from lmloop.core.rows import IGNORED, NOBODY, Held, HeldOut, Rows
from lmloop.nn.decode import core
from lmloop.nn.goals.grpo import advantages
from lmloop.nn.goals.settings import Grpo
from lmloop.nn.inference.drawing import Drawing
from lmloop.nn.inference.generation import Wanted, Written
from lmloop.nn.inference.local import Core
from lmloop.nn.policy import Policy

EXAMINED = 8
"""So many questions to measure with are rows of one pass."""

UNIT = 8
"""Rows are as long as the longest, rounded up to this."""


class Questions(Protocol):
    """What a policy is asked, and who judges its replies."""

    @property
    def prompts(self) -> Sequence[tuple[int, Sequence[int]]]:
        """The ids of all prompts, each with the number of its task."""
        ...

    @property
    def held(self) -> Mapping[str, Sequence[int]]:
        """Which are never asked to learn from, by task."""
        ...

    def chosen(self, step: int) -> Sequence[int]:
        """Say which are asked in a step."""
        ...

    def grade(self, number: int, written: Sequence[Written]) -> Sequence[float]:
        """Give the rewards of replies to a question."""
        ...


@dataclass(eq=False)
class Rollouts:
    """Batches for a policy that is rewarded: ``batch(step)`` asks it as it is, with chances that hang on the step.

    So a training that goes on with the weights of a step writes what it would have written. ``ends`` are the tokens
    that end a reply.
    """

    policy: Policy
    goal: Grpo
    questions: Questions
    ends: Sequence[int]
    seed: int
    _last: tuple[int, Rows] | None = field(default=None, init=False)

    @cached_property
    def _core(self) -> Core:
        return core(self.policy.decoder)

    def batch(self, step: int) -> Rows:
        """Ask some questions, grade the replies, and give them as rows."""
        if self._last is None or self._last[0] != step:
            self._last = (step, self._rows(step))
        return self._last[1]

    def _rows(self, step: int) -> Rows:
        numbers = list(self.questions.chosen(step))
        written = [self._written(number, step, place) for place, number in enumerate(numbers)]
        rewards_QR = torch.tensor(
            [list(self.questions.grade(n, said)) for n, said in zip(numbers, written, strict=True)]
        )
        gains_QR = advantages(rewards_QR.float(), self.goal.scaled)
        texts = [
            (*self.questions.prompts[number], self._ids(one))
            for number, said in zip(numbers, written, strict=True)
            for one in said
        ]
        beside = {
            "advantages": gains_QR.flatten().numpy().astype(np.float32),
            "rewards": rewards_QR.flatten().numpy().astype(np.float32),
            "units": np.ones(len(texts), np.int64),
        }
        return _laid_out(texts, beside)

    def held(self) -> HeldOut:
        """Give the questions to measure with, by task: they are asked anew each time."""
        return {task: Held(Examined(self, numbers), 0) for task, numbers in self.questions.held.items()}

    def examine(self, numbers: Sequence[int]) -> Rows:
        """Give the likeliest reply to each of some questions as rows, so that their loss is what is to be minimised.

        That is minus the mean reward, plus the pull to the model as it was: a reply's advantage is its whole reward.
        """
        written = [self._asked(number, [Drawing(self.goal.tokens, ends=self.ends)])[0] for number in numbers]
        rewards = [self.questions.grade(n, [said])[0] for n, said in zip(numbers, written, strict=True)]
        texts = [(*self.questions.prompts[n], self._ids(said)) for n, said in zip(numbers, written, strict=True)]
        by_reply = self.goal.average == "reply"
        gains = [
            reward * (1 if by_reply else self.goal.tokens / max(len(reply), 1))
            for reward, (_, _, reply) in zip(rewards, texts, strict=True)
        ]
        beside = {
            "advantages": np.asarray(gains, np.float32),
            "rewards": np.asarray(rewards, np.float32),
            "units": np.ones(len(texts), np.int64),
        }
        return _laid_out(texts, beside)

    def _written(self, number: int, step: int, place: int) -> list[Written]:
        """Reply to a question several times."""
        seed = (self.seed + ((step * self.goal.questions + place) << 16)) % (1 << 62)
        # what is drawn hangs on the seed and the prompt alone: each reply has a seed of its own
        each = [
            Drawing(self.goal.tokens, self.goal.temperature, seed=seed + n, ends=self.ends)
            for n in range(self.goal.replies)
        ]
        return self._asked(number, each)

    def _asked(self, number: int, each: Sequence[Drawing]) -> list[Written]:
        """Let the policy reply as it is now, once for each way of drawing."""
        task, ids = self.questions.prompts[number]
        decoder, training = self.policy.decoder, self.policy.decoder.training
        decoder.eval()
        if self.policy.adapted is not None:
            # the engine reads all replies as one long row: it has one task
            self.policy.adapted.feed(tasks=torch.tensor([task], device=next(decoder.parameters()).device))
        found = self._core.write([Wanted(np.asarray(ids, np.uint32), one) for one in each])
        decoder.train(training)
        return found

    def _ids(self, written: Written) -> list[int]:
        """Give a reply with the token that ended it, which is learnt, too; a reply that was cut short has none."""
        end = [] if written.cut or not self.ends else [self.ends[0]]
        return [*written.ids, *end]


@dataclass(frozen=True, slots=True)
class Examined:
    """Questions to measure with, a few at a time: each pass over them is an exam of the policy as it then is."""

    rollouts: Rollouts
    numbers: Sequence[int]

    def __iter__(self) -> Iterator[Rows]:
        for first in range(0, len(self.numbers), EXAMINED):
            yield self.rollouts.examine(self.numbers[first : first + EXAMINED])


def _laid_out(texts: Sequence[tuple[int, Sequence[int], Sequence[int]]], beside: Mapping[str, Any]) -> Rows:
    """Put each prompt and its reply into a row."""
    longest = max(len(prompt) + len(reply) for _, prompt, reply in texts) - 1
    shape = (len(texts), -(-max(longest, 1) // UNIT) * UNIT)
    tokens, positions, tasks = (np.zeros(shape, np.int64) for _ in range(3))
    targets, documents = np.full(shape, IGNORED, np.int64), np.full(shape, NOBODY, np.int64)
    for row, (task, prompt, reply) in enumerate(texts):
        ids = [*prompt, *reply]
        size = len(ids) - 1
        tokens[row, :size], positions[row, :size] = ids[:-1], np.arange(size)
        targets[row, len(prompt) - 1 : size] = reply
        documents[row, :size], tasks[row, :size] = 0, task
    return Rows(tokens, targets, positions, documents, {"tasks": tasks, **beside})
