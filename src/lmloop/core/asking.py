"""Asking: requests of all kinds to a model, and a task's questions, round by round."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from lmloop.core.errors import RecipeError
from lmloop.core.model import Done, Generates, Model, Prompt, Reply, Request, Sampling, Scores, Scoring, Writes, Writing
from lmloop.core.record import Record
from lmloop.core.task import Task

Heard: TypeAlias = Callable[[int, int, int, Reply], None]


def answer(model: Model, requests: Sequence[Request], done: Done | None = None) -> list[Reply]:
    """Put requests to a model, alike ones together, and give the replies in order.

    Raises:
        RecipeError: the model lacks the power that a request asks for.
    """
    found: dict[int, Reply] = {}
    scorings: list[tuple[int, tuple[Prompt, str]]] = []
    writings: dict[Sampling, list[tuple[int, Prompt]]] = {}
    for place, request in enumerate(requests):
        if isinstance(request, Scoring):
            scorings.append((place, (request.prompt, request.text)))
        else:
            writings.setdefault(request.sampling, []).append((place, request.prompt))
    if scorings:
        if not isinstance(model, Scores):
            raise RecipeError("this model cannot score", hint="take a task that writes, or another back-end")
        places = [place for place, _ in scorings]
        found |= dict(zip(places, model.score([pair for _, pair in scorings], _moved(done, places)), strict=True))
    if writings and isinstance(model, Writes):
        places = [place for asked in writings.values() for place, _ in asked]
        both = [Writing(prompt, sampling) for sampling, asked in writings.items() for _, prompt in asked]
        found |= dict(zip(places, model.write(both, _moved(done, places)), strict=True))
        writings = {}
    for sampling, asked in writings.items():
        if not isinstance(model, Generates):
            raise RecipeError("this model cannot write", hint="take a task that scores, or another back-end")
        places = [place for place, _ in asked]
        said = model.generate([prompt for _, prompt in asked], sampling, _moved(done, places))
        found |= dict(zip(places, said, strict=True))
    return [found[place] for place in range(len(requests))]


def ask(task: Task, model: Model, records: Sequence[Record]) -> list[tuple[Reply, ...]]:
    """Ask a model questions of a task, until the task knows enough of each; give each one's replies."""
    check_powers(task, model)
    return [tuple(reply for _, reply in one) for one in ask_all(model, [(task, record) for record in records])]


def ask_all(
    model: Model, questions: Sequence[tuple[Task, Record]], done: Heard | None = None
) -> list[list[tuple[Request, Reply]]]:
    """Ask a model questions of several tasks at once, round by round; give what each was asked and what was said.

    A question to which no reply came (it has an ``error``) is asked no further. ``done`` hears the place of a
    question, the round (from 0), how many requests it has in that round, and each reply as it comes.
    """
    for task in {id(task): task for task, _ in questions}.values():
        check_powers(task, model)
    said: list[list[tuple[Request, Reply]]] = [[] for _ in questions]
    waiting, turn = list(range(len(questions))), 0
    while waiting:
        asked = {}
        for place in waiting:
            task, record = questions[place]
            asked[place] = tuple(task.ask(record, tuple(reply for _, reply in said[place])))
        owners = [place for place in waiting for _ in asked[place]]
        requests = [request for place in waiting for request in asked[place]]
        heard = done and _heard(done, owners, turn, {place: len(asked[place]) for place in waiting})
        replies = answer(model, requests, heard) if requests else []
        for place, request, reply in zip(owners, requests, replies, strict=True):
            said[place].append((request, reply))
        waiting = [place for place in waiting if asked[place] and not any(reply.error for _, reply in said[place])]
        turn += 1
    return said


def check_powers(task: Task, model: Model) -> None:
    """Refuse a model that cannot what a task asks of it.

    Raises:
        RecipeError: it lacks a power.
    """
    lacking = [power.__name__.lower() for power in task.powers() if not isinstance(model, power)]
    if lacking:
        raise RecipeError(f"the task {task.name()!r} needs a model that {' and '.join(lacking)}")


def _moved(done: Done | None, places: Sequence[int]) -> Done | None:
    """Tell the listener the places among all requests."""
    return None if done is None else lambda place, reply: done(places[place], reply)


def _heard(done: Heard, owners: Sequence[int], turn: int, counts: Mapping[int, int]) -> Done:
    """Tell the listener which question a reply is to."""
    return lambda place, reply: done(owners[place], turn, counts[owners[place]], reply)
