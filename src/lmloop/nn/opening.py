"""Opening a model, whatever lies in its folder: whole weights, or an adapter and where the model is that it sits on."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmloop.core.draft import draft
from lmloop.core.errors import DataError, LmloopError, closest
from lmloop.core.method import Method
from lmloop.core.weights import weights_digest
from lmloop.nn.huggingface import CONFIG, foreign_shape, load_model, read_config
from lmloop.nn.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor

    from lmloop.nn.adapters.adapted import Adapted

ADAPTER, BASE = "adapter_config.json", "base.json"
"""An adapter's folder has the first, and the second beside it, which names the folder of its model."""


def is_adapter(folder: Path) -> bool:
    """Say whether an adapter lies in a folder, and no whole model."""
    return (folder / ADAPTER).is_file() and not (folder / CONFIG).is_file()


def write_base(folder: Path, base: Path, tasks: Sequence[str] = ()) -> None:
    """Note which model an adapter sits on: by the way there if both lie in one home, or by its whole path.

    ``tasks`` are the names of those that it was tuned on, in the order of their numbers.
    """
    beside = base.resolve().parent in folder.resolve().parents
    place_of = os.path.relpath(base, folder) if beside else str(base.resolve())
    said = {"folder": place_of, "name": base.name, "tasks": list(tasks)}
    with draft(folder / BASE) as place:
        place.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def base_of(folder: Path) -> Path:
    """Find the model that the adapter in a folder sits on.

    Raises:
        DataError: it is not known, or not there any more.
    """
    base = (folder / str(_read_base(folder)["folder"])).resolve()
    if not base.is_dir():
        raise DataError(f"the adapter in {folder.name} sits on {base}, which is not there", hint="put it back there")
    return base


def stack_of(folder: Path) -> list[Path]:
    """List the folders that a model is made of: an adapter's, and all that it sits on.

    Raises:
        DataError: an adapter's model is not there.
    """
    return [folder, *(stack_of(base_of(folder)) if (folder / BASE).is_file() and is_adapter(folder) else ())]


def stack_digest(folder: Path) -> str:
    """Give a digest of all that a model in a folder is made of: an adapter answers by what it sits on, too.

    Raises:
        DataError: the folder is not there, or an adapter's model is not.
    """
    own = weights_digest(folder)
    return f"{own}+{stack_digest(base_of(folder))}" if is_adapter(folder) else own


def tasks_of(folder: Path) -> list[str]:
    """Give the names of the tasks that an adapter was tuned on, in the order of their numbers; none if not known.

    Raises:
        DataError: what stands beside the adapter is damaged.
    """
    return list(_read_base(folder).get("tasks", ())) if (folder / BASE).is_file() else []


def _read_base(folder: Path) -> Mapping[str, Any]:
    try:
        said: dict[str, Any] = json.loads((folder / BASE).read_text(encoding="utf-8"))
        return {**said, "folder": said["folder"]}
    except (OSError, ValueError, KeyError, TypeError) as bad:
        raise DataError(f"{folder} does not say which model its adapter sits on: {bad}", hint=BASE) from None


def open_decoder(folder: Path, task: str = "") -> Any:
    """Open a model on the CPU: a decoder with its adapter on it, if one lies there.

    ``task`` is the one that an adapter which weighs its experts by task is asked for; without it, their mean.

    Raises:
        DataError: there is no model, its adapter's model is gone, or there is no such task.
    """
    decoder = _open_whole(plain_of(folder))
    dress(bearer(decoder), folder, task)
    return decoder


def goes_on(folder: Path, method: Method | None) -> bool:
    """Say whether tuning by a method goes on with what lies in a folder: a mixture of that very method.

    Ordinary adapters are merged and get a new one on top; what routers weigh cannot be merged.
    """
    if method is None or not is_adapter(folder):
        return False
    try:
        said = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
        found: bool = "peft_type" not in said and said["lmloop"]["method"] == method.spec()
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return found


def below(folder: Path, method: Method | None) -> Path:
    """Give the model that the result of tuning sits on: the folder tuned, or what lies under it where that goes on."""
    return base_of(folder) if goes_on(folder, method) else folder


def open_adapted(folder: Path, base: Path) -> "tuple[Any, Adapted]":
    """Open an adapter on the model in ``base``: the decoder, and what sits on it.

    Raises:
        DataError: one of them is not there, or they do not belong together.
    """
    from lmloop.nn.adapters.files import load

    decoder = open_plain(base)
    return decoder, load(bearer(decoder), folder)


def open_plain(folder: Path) -> Any:
    """Open a model to put an adapter on; one that lies there already is merged into its weights.

    Raises:
        DataError: there is no model.
        LmloopError: the adapter has no fixed weights, so that nothing can sit on top of it.
    """
    decoder = _open_whole(plain_of(folder))
    _merge_in(bearer(decoder), folder)
    return decoder


def dress(model: Any, folder: Path, task: str = "") -> None:
    """Put the adapter in a folder on the whole model that it sits on, those beneath it merged; see `open_decoder`.

    Raises:
        DataError: it belongs to another model, or there is no such task.
    """
    from lmloop.nn.adapters.files import load

    gate = None
    if is_adapter(folder):
        _merge_in(model, base_of(folder))
        adapted = load(model, folder)
        gate = adapted.gate()
        if gate is not None:
            adapted.feed(tasks=_shares(folder, task, len(gate.table)))
    if task and gate is None:
        raise DataError(f"{folder.name} does not weigh experts by task", hint="leave task out")


def _shares(folder: Path, task: str, most: int) -> "Tensor":
    """Give how much of each task there is in what is asked, (1, tasks): all of one, or as much of each."""
    import torch

    names = tasks_of(folder)
    if task and task not in names:
        raise DataError(f"{folder.name} was not tuned on a task {task!r}", hint=closest(task, names))
    shares_1S = torch.zeros(1, most)
    shares_1S[0, names.index(task) if task else slice(len(names) or most)] = 1
    return shares_1S


def _merge_in(model: Any, folder: Path) -> None:
    """Merge the adapter in a folder, and those beneath it, into the model that they sit on."""
    if not is_adapter(folder):
        return
    from lmloop.nn.adapters.files import load
    from lmloop.nn.adapters.merging import merge

    _merge_in(model, base_of(folder))
    adapted = load(model, folder)
    try:
        merge(adapted, only_task(adapted.gate() is not None, tasks_of(folder)))
    except LmloopError as bad:
        hint = f"{bad.hint}; or tune it by its own method, with the same settings"
        raise LmloopError(f"{folder.name} cannot be tuned further: {bad.message}", hint) from None
    adapted.remove()


def only_task(by_task: bool, tasks: Sequence[str]) -> int | None:
    """Give the task that an adapter is merged for: None where its weights do not hang on one.

    Raises:
        LmloopError: there are several, and so no one set of weights.
    """
    if by_task and len(tasks) != 1:
        raise LmloopError(
            f"its experts are weighed by task, and it knows {len(tasks) or 'several'}: no one model is equal to it",
            hint="tune it on one task, take another method, or keep it as an adapter",
        )
    return 0 if by_task else None


def bearer(decoder: Any) -> Any:
    """Give the module that adapters sit on: its weights have the names of the model's own files."""
    return getattr(decoder, "causal", decoder)


def read_shape(folder: Path) -> Shape:
    """Read the shape of the model in a folder, or of the one that its adapter sits on.

    Raises:
        DataError: there is no model.
    """
    plain = plain_of(folder)
    return read_config(plain) if is_ours(plain) else foreign_shape(plain)


def is_ours(folder: Path) -> bool:
    """Say whether our own decoder can be the model in a folder; ``transformers`` opens the others."""
    try:
        read_config(folder)
    except DataError:
        return not (folder / CONFIG).is_file()
    return True


def _open_whole(folder: Path) -> Any:
    if is_ours(folder):
        return load_model(folder)
    from lmloop.nn.foreign import open_foreign

    return open_foreign(folder)


def plain_of(folder: Path) -> Path:
    """Find the folder of whole weights that everything in a folder sits on in the end."""
    return plain_of(base_of(folder)) if is_adapter(folder) else folder
