"""Every part of lmloop passes the battery that plug-in authors run."""

from typing import cast

import pytest

from lmloop.core.listing import KINDS, names
from lmloop.core.method import Method
from lmloop.core.op import Op
from lmloop.core.part import Part, find
from lmloop.core.reader import Reader
from lmloop.core.step import Step
from lmloop.core.task import Task
from lmloop.testing import check_method, check_model, check_op, check_reader, check_step, check_task


def example(kind: str, name: str) -> Part:
    return find(kind, name).example()


def check(kind: str, part: Part) -> None:
    if kind == "ops":
        check_op(cast(Op, part))
    elif kind == "readers":
        check_reader(cast(Reader, part))
    elif kind == "tasks":
        check_task(cast(Task, part))
    elif kind == "methods":
        check_method(cast(Method, part))
    elif kind == "models":
        check_model(part)
    else:
        check_step(cast(Step, part))


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in names(kind)])
def test_part(kind: str, name: str) -> None:
    check(kind, example(kind, name))
