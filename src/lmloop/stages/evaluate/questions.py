"""What a task asks, looked through once before anything is asked: how much it is, and a digest of it."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lmloop.core.errors import DataError
from lmloop.core.outside import resolve
from lmloop.core.part import Part
from lmloop.core.record import content_id
from lmloop.core.scores import Asked
from lmloop.core.task import Task


@dataclass(frozen=True, slots=True)
class Counted:
    """How many questions a task has, and a digest of their content."""

    questions: int
    digest: str

    def asked(self, name: str, task: Task) -> Asked:
        """Say what was asked, and how."""
        data: dict[str, Any] = {"questions": self.questions, "digest": self.digest, **_source(task)}
        metrics = tuple(asdict(metric) for metric in task.metrics)
        return Asked(name, task.name(), task.identity(), task.protocol(), data, metrics)


def count(task: Task) -> Counted:
    """Look through the questions of a task.

    Raises:
        DataError: it has none, or its data cannot be read.
    """
    digest, questions = hashlib.blake2b(digest_size=16), 0
    for record in task.questions():
        digest.update(content_id(record).encode())
        questions += 1
    if not questions:
        raise DataError(f"the task {task.name()!r} has no questions", hint="look at its data folder and its limit")
    return Counted(questions, digest.hexdigest())


def describe(model: Part, digest: Callable[[Path], str]) -> Mapping[str, str]:
    """Digest the files and folders that a model's settings name: another model in the same place is another model."""
    found = {}
    for name in model.fields():
        value = getattr(model, name)
        if not isinstance(value, str) or not value:
            continue
        place = resolve(value)
        if place.is_file():
            found[name] = digest(place)
        elif place.is_dir():
            parts = [f"{path.relative_to(place)} {digest(path)}" for path in sorted(place.rglob("*")) if path.is_file()]
            found[name] = hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
    return found


def _source(task: Task) -> dict[str, Any]:
    """Say where the data comes from and under which licence, where the task knows."""
    source = getattr(type(task), "source", None)
    if source is None:
        return {}
    published = getattr(task, "published", str)()
    return {"licence": source.licence, "home": source.home, "commercial": source.commercial, "published": published}
