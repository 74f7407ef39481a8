"""What a task asks, looked through once before anything is asked: how much it is, and a digest of it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from lmloop.core.errors import DataError
from lmloop.core.model import Scoring
from lmloop.core.record import content_id
from lmloop.core.scores import Asked
from lmloop.core.task import Task


@dataclass(frozen=True, slots=True)
class Counted:
    """How many questions a task has, a digest of their content, and one of the requests with which it begins."""

    questions: int
    digest: str
    requests: str

    def asked(self, name: str, task: Task) -> Asked:
        """Say what was asked, and how."""
        data = {"questions": self.questions, "digest": self.digest, "requests": self.requests, **_source(task)}
        metrics = tuple(asdict(metric) for metric in task.measures())
        return Asked(name, task.name(), task.identity(), task.protocol(), data, metrics)


def count(task: Task) -> Counted:
    """Look through the questions of a task.

    Raises:
        DataError: it has none, or its data cannot be read.
    """
    content, requests = (hashlib.blake2b(digest_size=8) for _ in range(2))
    questions = 0
    for record in task.questions():
        content.update(content_id(record).encode())
        for request in task.ask(record):
            rest = request.text if isinstance(request, Scoring) else asdict(request.sampling)
            turns = [[turn.role, turn.text] for turn in request.prompt]
            requests.update(json.dumps([turns, rest]).encode())
        questions += 1
    if not questions:
        raise DataError(f"the task {task.name()!r} has no questions", hint="look at its data folder and its limit")
    own = task.protocol().get("data")
    return Counted(questions, own if isinstance(own, str) else content.hexdigest(), requests.hexdigest())


def _source(task: Task) -> dict[str, Any]:
    """Say where the data comes from and under which licence, where the task knows."""
    source = getattr(type(task), "source", None)
    if source is None:
        return {}
    published = getattr(task, "published", str)()
    return {"licence": source.licence, "home": source.home, "commercial": source.commercial, "published": published}
