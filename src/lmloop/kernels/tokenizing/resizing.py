"""A saved model with rows for new tokens: every old weight as it was, each new row the mean of the old pieces' rows.

Works on the files of Hugging Face's format (``config.json`` and ``*.safetensors``) without loading the model: a tensor
with a row for each id is written anew, all others are copied byte by byte. Where input and output share their
weights there is one such tensor, else two.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.kernels.tokenizing.rows import CONFIG, TYPES, end_of, header, is_of_tokens, widen

INDEX = "model.safetensors.index.json"
CHUNK = 16 << 20


@dataclass(frozen=True, slots=True)
class Resized:
    """What was done: the rows before and after, and the tensors that have them."""

    old_rows: int
    new_rows: int
    tensors: tuple[str, ...]


def resize(model: Path, rowmap: Mapping[str, Any], out: Path) -> Resized:
    """Write a model with rows as a row map says into another folder; what is no weight is copied.

    Raises:
        DataError: it is no such model, or has fewer rows than the tokenizer had ids.
    """
    try:
        config = json.loads((model / CONFIG).read_bytes())
        old_rows = int(config["vocab_size"])
    except (OSError, ValueError, KeyError, TypeError) as bad:
        raise DataError(f"{model / CONFIG} is not the configuration of a model: {bad}") from None
    if old_rows < rowmap["old_size"]:
        raise DataError(
            f"the model has {old_rows} rows, but its tokenizer had {rowmap['old_size']} ids",
            hint="is the row map of another tokenizer?",
        )
    files = sorted(model.glob("*.safetensors"))
    if not files:
        raise DataError(f"there is no *.safetensors file in {model}", hint="save the model in that format first")
    changed: list[str] = []
    for file in files:
        changed += _resize_file(file, out / file.name, old_rows, rowmap)
    if not changed:
        raise DataError(f"no tensor in {model} has a row for each of {old_rows} ids")
    _write(out / CONFIG, {**config, "vocab_size": rowmap["new_size"]})
    if (model / INDEX).exists():
        index = json.loads((model / INDEX).read_bytes())
        index.setdefault("metadata", {})["total_size"] = sum(_size(out / file.name) for file in files)
        _write(out / INDEX, index)
    generation = model / "generation_config.json"
    if generation.exists():
        (out / generation.name).write_bytes(generation.read_bytes())
    return Resized(old_rows, rowmap["new_size"], tuple(changed))


def new_rows(old: "npt.NDArray[np.float32]", rowmap: Mapping[str, Any]) -> "npt.NDArray[np.float32]":
    """Give the rows of the new ids: float32 [new, ...]; the mean of all rows that had an id where nothing is named."""
    every = old[: rowmap["old_size"]].mean(axis=0)
    means = rowmap["means"]
    order = range(rowmap["old_size"], rowmap["new_size"])
    return np.stack([old[means[str(n)]].mean(axis=0) if means[str(n)] else every for n in order])


def _resize_file(file: Path, place: Path, old_rows: int, rowmap: Mapping[str, Any]) -> list[str]:
    tensors, start = header(file)
    data = np.memmap(file, np.uint8, "r")
    names = [name for name in tensors if name != "__metadata__"]
    names.sort(key=lambda name: tensors[name]["data_offsets"][0])
    changed: dict[str, npt.NDArray[Any]] = {}
    made: dict[str, Any] = {"__metadata__": tensors["__metadata__"]} if "__metadata__" in tensors else {}
    at = 0
    for name in names:
        row = tensors[name]
        begin, end = (start + offset for offset in row["data_offsets"])
        shape, size = row["shape"], end - begin
        if is_of_tokens(name, row, old_rows):
            changed[name] = _grown(name, row, data[begin:end], rowmap)
            shape, size = list(changed[name].shape), changed[name].nbytes
        made[name] = {"dtype": row["dtype"], "shape": shape, "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(made, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with draft(place) as temporary, temporary.open("wb") as out:
        out.write(struct.pack("<Q", len(head)) + head)
        for name in names:
            if name in changed:
                out.write(changed[name].tobytes())
                continue
            begin, end = (start + offset for offset in tensors[name]["data_offsets"])
            for part in range(begin, end, CHUNK):
                out.write(data[part : min(part + CHUNK, end)].tobytes())
    return list(changed)


def _grown(name: str, row: Mapping[str, Any], data: Any, rowmap: Mapping[str, Any]) -> "npt.NDArray[Any]":
    if row["dtype"] not in TYPES:
        raise DataError(f"the tensor {name} is of type {row['dtype']}, of which no mean can be taken")
    old = data.view(TYPES[row["dtype"]]).reshape(row["shape"])
    brain = row["dtype"] == "BF16"
    new = new_rows(widen(old) if brain else old.astype(np.float32), rowmap)
    return np.concatenate([old[: rowmap["old_size"]], _narrow(new) if brain else new.astype(old.dtype)])


def _narrow(values: "npt.NDArray[np.float32]") -> "npt.NDArray[np.uint16]":
    """Round to bfloat16, halves to even."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def _size(file: Path) -> int:
    return end_of(header(file)[0])


def _write(place: Path, value: Any) -> None:
    with draft(place) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
