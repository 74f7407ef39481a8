"""An adapter written in each form."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

from lmloop.core.errors import DataError, RecipeError
from lmloop.core.weights import write_model
from lmloop.kernels.tokenizing import FILE, Tokenizer, copy_tokenizer
from lmloop.nn.huggingface import GENERATION
from lmloop.nn.noted import loads_of
from lmloop.nn.opening import is_ours, plain_of, read_shape, tasks_of, write_base
from lmloop.stages.adapter_export.forms import Distilled, Expert, Form, Gguf, Merged, Tasks

if TYPE_CHECKING:
    from lmloop.nn.adapters.adapted import Adapted

GGUF = "model.gguf"


@dataclass(frozen=True)
class Opened:
    """An adapter on its model, and the folders of both."""

    decoder: Any
    adapted: "Adapted"
    folder: Path
    base: Path

    @cached_property
    def tasks(self) -> list[str]:
        """The names of its tasks; their numbers, where names are not known."""
        gate = self.adapted.gate()
        count = 0 if gate is None else len(gate.table)
        return (tasks_of(self.folder) or [str(number) for number in range(count)])[:count]

    def task(self, name: str) -> int | None:
        """Give the number of a task; None where nothing hangs on tasks.

        Raises:
            RecipeError: there is no such task, or one is named where none is needed, or none where one is.
        """
        if not self.tasks and not name:
            return None
        if name not in self.tasks:
            what = f"there is no task {name!r}" if self.tasks else f"nothing hangs on a task, and {name!r} is named"
            known = ", ".join(self.tasks)
            what = what if name else f"{self.adapted.method.name()} weighs its experts by task, and none is named"
            raise RecipeError(what, hint=f'form = {{ use = "merged", task = "..." }}, one of: {known}' * bool(known))
        return self.tasks.index(name)


@dataclass(frozen=True, slots=True)
class Written:
    """What came out: the folders of LoRAs, if there are several, and the share of each place's change that is lost."""

    folders: Sequence[str] = ()
    lost: Mapping[str, float] = field(default_factory=dict)


def write(form: Form, opened: Opened, out: Path) -> Written:
    """Write an adapter in a form, with all that a folder of weights needs."""
    writers: Mapping[type, Callable[[Any, Opened, Path], Written]] = {
        Merged: _merged,
        Gguf: _gguf,
        Expert: _expert,
        Tasks: _tasks,
        Distilled: _distilled,
    }
    return writers[type(form)](form, opened, out)


def _merged(form: Merged, opened: Opened, out: Path) -> Written:
    from lmloop.nn.adapters.exporting import export

    task = opened.task(form.task)
    _beside(opened, out)
    tokenizer = Tokenizer.load(out)
    export(opened.adapted, out, task, (tokenizer.bos_id, tokenizer.eos_id))
    return Written()


def _gguf(form: Gguf, opened: Opened, out: Path) -> Written:
    from lmloop.nn.adapters.exporting import merged_state
    from lmloop.nn.gguf import write_gguf

    if not is_ours(plain_of(opened.base)):
        raise DataError(
            f"{opened.base.name} is no Llama, Qwen2 or Qwen3: it cannot be written as GGUF here",
            hint='form = "merged" makes a folder that llama.cpp\'s own converter reads',
        )
    task = opened.task(form.task)
    _beside(opened, out)
    write_gguf(out / GGUF, read_shape(opened.base), merged_state(opened.adapted, task), out, form.bits)
    write_model(out, {"use": "gguf", "file": GGUF})
    return Written()


def _expert(form: Expert, opened: Opened, out: Path) -> Written:
    from lmloop.nn.adapters.converting import expert

    expert(opened.adapted, form.number, out, opened.base.name)
    _lora(opened, out)
    return Written()


def _tasks(form: Tasks, opened: Opened, out: Path) -> Written:
    from lmloop.nn.adapters.converting import tasks

    names = _folders(opened.tasks)
    for place in tasks(opened.adapted, out, names, opened.base.name):
        _lora(opened, place)
    return Written(names)


def _distilled(form: Distilled, opened: Opened, out: Path) -> Written:
    from lmloop.nn.adapters.converting import distil

    lost = distil(opened.adapted, form.rank, out, opened.base.name, loads_of(opened.folder))
    _lora(opened, out)
    return Written(lost=lost)


def _lora(opened: Opened, place: Path) -> None:
    """Put beside a LoRA what makes its folder one of weights."""
    write_base(place, opened.base)
    _beside(opened, place)


def _beside(opened: Opened, place: Path) -> None:
    """Put the tokenizer beside weights, and say what opens them."""
    source = opened.folder if (opened.folder / FILE).is_file() else plain_of(opened.base)
    copy_tokenizer(source, place)
    if (source / GENERATION).is_file():
        copyfile(source / GENERATION, place / GENERATION)
    write_model(place, {"use": "lmloop" if is_ours(plain_of(opened.base)) else "transformers"})


def _folders(tasks: Sequence[str]) -> list[str]:
    """Give each task a folder's name: its own where that is one."""
    names = [re.sub(r"[^\w.-]", "-", task).lstrip(".") or "task" for task in tasks]
    return [name if names.count(name) == 1 else f"{name}-{number}" for number, name in enumerate(names)]
