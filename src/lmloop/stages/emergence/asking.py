"""Asking a ladder of models: each goes on with held-out passages, and each answer is scored in five ways."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from lmloop.core.card import Card
from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.core.step import Artifact, Context
from lmloop.kernels.packed import Index, streams
from lmloop.kernels.scaling.emergence import brier, edit_similarity
from lmloop.kernels.scaling.numbers import Row

CHOICES = 4
LOSS = "loss/"


@dataclass(frozen=True, slots=True)
class Passage:
    """A prompt and what follows it, as ids."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


def ask(models: Sequence[Artifact], tokens: Artifact, sizes: tuple[int, int, int], context: Context) -> list[Row]:
    """Ask every model; ``sizes`` are the tokens of a prompt, the most of an answer, and how many passages."""
    need("torch", "train")
    passages = _passages(tokens, sizes, context.seed)
    rows: list[Row] = []
    with context.progress.bar("ask", len(models), "models") as bar:
        for model in models:
            rows += list(_scores(model, passages, sizes[1]))
            bar.advance(1)
    return rows


def _passages(tokens: Artifact, sizes: tuple[int, int, int], seed: int) -> list[Passage]:
    """Take passages from held-out documents, spread over all of them, never across the end of one."""
    prompt, longest, items = sizes
    found: list[Passage] = []
    for stream in streams(tokens.path, Index.read(tokens.path), held=True).values():
        for start, stop, _ in stream.documents():
            for first in range(start, stop - prompt - longest, prompt + longest):
                ids = [int(each) for each in stream.read(first, first + prompt + longest)[0]]
                found.append(Passage(tuple(ids[:prompt]), tuple(ids[prompt:])))
    if len(found) < 8:
        raise DataError(
            f"{tokens.path.name} holds out too little text to ask about", hint="raise held in the pack step"
        )
    chosen = np.random.default_rng(seed).permutation(len(found))[:items]
    return [found[place] for place in sorted(chosen)]


def _scores(model: Artifact, passages: Sequence[Passage], longest: int) -> Iterator[Row]:
    """Score one model, a row for each length and metric."""
    from lmloop.nn.decode import score, write
    from lmloop.nn.huggingface import load_model
    from lmloop.nn.inference.drawing import Drawing

    card = Card.read(model.path)
    losses = [float(value) for name, value in card.metrics.items() if name.startswith(LOSS)]
    decoder = load_model(model.path)
    written = [
        answer.ids
        for first in range(0, len(passages), 32)
        for answer in write(decoder, [each.prompt for each in passages[first : first + 32]], Drawing(longest))
    ]
    length = 1
    while length <= longest:
        answers = [each.answer[:length] for each in passages]
        pairs = [(passages[row].prompt, answers[other]) for row, other in _choices(len(passages))]
        logprobs = np.array([found.logprob for found in score(decoder, pairs)]).reshape(-1, CHOICES)
        said = [ids[:length] for ids in written]
        values = {
            "exact_match": fmean(float(a == b) for a, b in zip(said, answers, strict=True)),
            "edit_similarity": fmean(edit_similarity(a, b) for a, b in zip(said, answers, strict=True)),
            "log_likelihood": float(logprobs[:, 0].mean()) / length,
            "choice": float((logprobs.argmax(axis=1) == 0).mean()),
            "brier": fmean(brier(row, 0) for row in logprobs.tolist()),
        }
        for metric, value in values.items():
            yield {
                "model": model.id,
                "loss": fmean(losses) if losses else -values["log_likelihood"],
                "task": f"next {length} token{'s' * (length > 1)}",
                "metric": metric,
                "value": value,
                "chance": 1 / CHOICES if metric == "choice" else 0.0,
                "items": len(passages) if metric in ("exact_match", "choice") else 0,
            }
        length *= 2


def _choices(count: int) -> Iterator[tuple[int, int]]:
    """Pair each passage with its own answer and with those of three others, always the same."""
    for row in range(count):
        yield row, row
        for step in range(1, CHOICES):
            yield row, (row + step * max(1, count // CHOICES)) % count
