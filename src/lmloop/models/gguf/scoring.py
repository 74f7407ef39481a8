"""Scoring with llama.cpp: what texts begin with alike is computed once, and what follows it side by side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lmloop.models.gguf.loaded import BATCH, Loaded, Step, alike

WASTE = 24
"""So many tokens may be computed twice for two texts to go side by side."""


@dataclass(frozen=True, slots=True)
class Text:
    """Ids of a prompt and a text behind it; the text begins at ``first``. The first id of all has no probability."""

    ids: tuple[int, ...]
    first: int


@dataclass(frozen=True, slots=True)
class Judged:
    """The log-probability of each token of a text, and whether it was the model's own choice."""

    logprobs: tuple[float, ...]
    greedy: tuple[bool, ...]


def score(model: Loaded, texts: Sequence[Text], told: Callable[[int, Judged], None]) -> None:
    """Judge texts, in the order that computes least; ``told`` hears the place of each with its verdict."""
    order = sorted(range(len(texts)), key=lambda place: texts[place].ids)
    trunk: tuple[int, ...] = ()
    model.clear()
    for group, shared in _groups([texts[place] for place in order], model):
        places, order = order[: len(group)], order[len(group) :]
        kept = alike(trunk, group[0].ids[:shared])
        model.forget(0, kept)
        model.read(group[0].ids[kept:shared], kept)
        trunk = group[0].ids[:shared]
        for place, judged in zip(places, _judge(model, group, shared), strict=True):
            told(place, judged)
    model.forget(0)


def _groups(texts: Sequence[Text], model: Loaded) -> Iterator[tuple[list[Text], int]]:
    """Cut sorted texts into groups that are computed side by side behind what they share."""
    group: list[Text] = []
    shared = 0
    for text in texts:
        if group:
            common = min(alike(group[0].ids, text.ids), _most_shared(text), shared)
            waste = len(group) * (shared - common)
            total = sum(len(each.ids) - common for each in (*group, text))
            if waste <= WASTE and total <= BATCH and len(group) + 1 < model.rows and total + common < model.cells:
                group, shared = [*group, text], common
                continue
            yield group, shared
        group, shared = [text], _most_shared(text)
    if group:
        yield group, shared


def _most_shared(text: Text) -> int:
    """Give how many of a text's tokens may be computed without asking what follows them."""
    return max(0, text.first - 1)


def _judge(model: Loaded, group: Sequence[Text], shared: int) -> list[Judged]:
    """Compute the texts of a group behind what they share, which sequence 0 holds."""
    rows: list[tuple[int, int, int]] = []
    for sequence, text in enumerate(group, 1):
        model.share(sequence)
        rows += [(sequence, place, text.ids[place]) for place in range(shared, len(text.ids) - 1)]
    logprobs: list[list[float]] = [[] for _ in group]
    greedy: list[list[bool]] = [[] for _ in group]
    for part in _parts(rows, group, model.most_asked):
        asked = [place + 1 >= group[sequence - 1].first for sequence, place, _ in part]
        found = model.compute(Step([row[2] for row in part], [row[1] for row in part], [row[0] for row in part], asked))
        wanted = [row for row, wants in zip(part, asked, strict=True) if wants]
        for (sequence, place, _), chances in zip(wanted, found, strict=True):
            follows = group[sequence - 1].ids[place + 1]
            logprobs[sequence - 1].append(float(chances[follows]))
            greedy[sequence - 1].append(int(chances.argmax()) == follows)
    for sequence in range(1, len(group) + 1):
        model.forget(sequence)
    return [Judged(tuple(one), tuple(own)) for one, own in zip(logprobs, greedy, strict=True)]


def _parts(
    rows: Sequence[tuple[int, int, int]], group: Sequence[Text], most: int
) -> Iterator[list[tuple[int, int, int]]]:
    """Cut rows into steps of not too many tokens, nor too many that logits are asked of."""
    part: list[tuple[int, int, int]] = []
    asked = 0
    for row in rows:
        wants = row[1] + 1 >= group[row[0] - 1].first
        if part and (len(part) == BATCH or asked + wants > most):
            yield part
            part, asked = [], 0
        part.append(row)
        asked += wants
    if part:
        yield part
