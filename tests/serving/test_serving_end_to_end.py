"""A benchmark asked over a server gives what it gives when the model is asked itself."""

from dataclasses import replace

import pytest

from lmloop.core.asking import ask
from lmloop.core.model import text_prompt
from lmloop.core.part import build
from lmloop.core.task import Task
from lmloop.models.lmloop import Lmloop
from lmloop.models.openai import OpenAI
from lmloop.serving.local import address


def test_scores_are_equal_from_afar() -> None:
    near = Lmloop.example()
    far = OpenAI(model="tiny", url=address(near, "tiny"))
    task = build("tasks", "spelling")
    assert isinstance(task, Task)
    # behind nothing, a server cannot say how likely a model without a beginning token finds the first one
    records = [replace(record, prompt=text_prompt("one word:")) for record in task.questions()]
    grades = []
    for model in (near, far):
        said = ask(task, model, records)
        grades.append([task.grade(record, replies).values for record, replies in zip(records, said, strict=True)])
    assert grades[0]
    assert grades[0] == [pytest.approx(values, abs=1e-3) for values in grades[1]]
