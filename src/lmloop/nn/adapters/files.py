"""Adapters on disk: safetensors, and ``adapter_config.json`` with every setting.

The LoRA family and IA3 are written as ``peft`` does, with ``method.json`` beside for what ``peft`` has no word for.
Mixtures have names of their own: the place, and the tensor.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.method import build_method
from lmloop.nn.adapters import peft
from lmloop.nn.adapters.adapted import Adapted
from lmloop.nn.adapters.attach import attach

CONFIG, WEIGHTS, METHOD = "adapter_config.json", "adapter_model.safetensors", "method.json"


def save(adapted: Adapted, folder: Path, base: str = "") -> None:
    """Write an adapter; ``base`` says which model it belongs to."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {"lmloop": {"method": adapted.method.spec(), "seed": adapted.seed, "base": base}}
    if peft.writes(adapted):
        write(folder, peft.tensors(adapted), peft.config(adapted, base))
        _write_json(folder / METHOD, said)
    else:
        write(folder, {name: value.detach().cpu() for name, value in adapted.named_parameters().items()}, said)


def write(folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """Write tensors and settings, each file whole or not at all."""
    with draft(folder / WEIGHTS) as place:
        save_file({name: value.contiguous() for name, value in tensors.items()}, place, metadata={"format": "pt"})
    _write_json(folder / CONFIG, config)


def load(model: nn.Module, folder: Path, name: str = "default") -> Adapted:
    """Put the adapter that lies in a folder on a model: one of ours, or one of ``peft``'s.

    Raises:
        DataError: it cannot be read, or belongs to another model.
    """
    said, found = read(folder)
    ours = _read_json(folder / METHOD) if (folder / METHOD).is_file() else said
    try:
        method = build_method(ours["lmloop"]["method"]) if "lmloop" in ours else None
    except (KeyError, TypeError):
        raise DataError(f"{folder / CONFIG} does not say the method") from None
    adapted = attach(model, method or peft.method(said, found), int(ours.get("lmloop", {}).get("seed", 0)), name)
    try:
        fill(adapted, found)
    except DataError:
        adapted.remove()
        raise
    return adapted


def restore(adapted: Adapted, folder: Path) -> None:
    """Copy the tensors in a folder into an adapter of the same form.

    Raises:
        DataError: they cannot be read, or are of another form.
    """
    fill(adapted, read(folder)[1])


def fill(adapted: Adapted, found: Mapping[str, Tensor]) -> None:
    """Copy tensors into an adapter.

    Raises:
        DataError: one is missing, unknown, or of another size.
    """
    if peft.writes(adapted):
        peft.fill(adapted, found)
        return
    slots = adapted.named_parameters()
    if odd := sorted(slots.keys() ^ found.keys()):
        raise DataError(f"the adapter's tensor {odd[0]} {'is missing' if odd[0] in slots else 'fits nowhere'}")
    with torch.no_grad():
        for name, slot in slots.items():
            if slot.shape != found[name].shape:
                raise DataError(f"the adapter's tensor {name} has the size {tuple(found[name].shape)}: another model's")
            slot.copy_(found[name])


def read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read settings and tensors.

    Raises:
        DataError: they are missing or damaged.
    """
    said = _read_json(folder / CONFIG)
    if not (folder / WEIGHTS).is_file():
        hint = "weights in .bin files are not read: they can run code"
        raise DataError(f"{folder} holds no {WEIGHTS}", hint=hint)
    try:
        return said, load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as bad:
        raise DataError(f"the adapter {folder / WEIGHTS} cannot be read: {bad}") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as bad:
        raise DataError(f"{path.parent} holds no adapter: {bad}", hint=f"an adapter has a {CONFIG}") from None
    if not isinstance(said, dict):
        raise DataError(f"{path} is no table")
    return said


def _write_json(path: Path, said: Mapping[str, Any]) -> None:
    with draft(path) as place:
        place.write_text(json.dumps(dict(said), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
