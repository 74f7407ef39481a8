"""Asking: requests of all kinds to a model, and a task's questions, round by round."""

from collections.abc import Sequence

from lmloop.core.errors import RecipeError
from lmloop.core.model import Done, Generates, Model, Prompt, Reply, Request, Sampling, Scores, Scoring, Writes, Writing
from lmloop.core.record import Record
from lmloop.core.task import Task


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
    said: list[tuple[Reply, ...]] = [() for _ in records]
    waiting = list(range(len(records)))
    while waiting:
        asked = {place: task.ask(records[place], said[place]) for place in waiting}
        waiting = [place for place in waiting if asked[place]]
        replies = iter(answer(model, [request for place in waiting for request in asked[place]]))
        for place in waiting:
            said[place] = (*said[place], *(next(replies) for _ in asked[place]))
    return said


def check_powers(task: Task, model: Model) -> None:
    """Refuse a model that cannot what a task asks of it.

    Raises:
        RecipeError: it lacks a power.
    """
    lacking = [power.__name__.lower() for power in task.needs if not isinstance(model, power)]
    if lacking:
        raise RecipeError(f"the task {task.name()!r} needs a model that {' and '.join(lacking)}")


def _moved(done: Done | None, places: Sequence[int]) -> Done | None:
    """Tell the listener the places among all requests."""
    return None if done is None else lambda place, reply: done(places[place], reply)
