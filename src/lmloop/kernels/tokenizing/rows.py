"""The rows that a saved model has for its tokens, read from the files of Hugging Face's format without loading it."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lmloop.core.errors import DataError

CONFIG = "config.json"
TYPES = {"F32": np.float32, "F16": np.float16, "F64": np.float64, "BF16": np.uint16}
NAMES = ("embed", "wte", "lm_head", "output")
OUTPUTS = ("lm_head", "embed_out", "output")
MALFORMED = (ValueError, TypeError, AttributeError, LookupError)
Matrix: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TokenRows:
    """A model's matrices with a row for each token: float32 [rows, width]. Tied ones are one and the same."""

    input: Matrix
    output: Matrix
    tied: bool


def read_token_rows(folder: Path) -> TokenRows:
    """Read the input and the output embedding of a model.

    Raises:
        DataError: it is no model, or has no matrix with a row for each of its ids.
    """
    try:
        said = json.loads((folder / CONFIG).read_bytes())
        rows = int(said["vocab_size"])
    except (OSError, ValueError, KeyError, TypeError) as bad:
        raise DataError(f"{folder / CONFIG} is not the configuration of a model: {bad}") from None
    found: dict[str, Matrix] = {}
    for file in sorted(folder.glob("*.safetensors")):
        head, start = header(file)
        data = np.memmap(file, np.uint8, "r")
        for name, row in head.items():
            if is_of_tokens(name, row, rows):
                begin, end = (start + offset for offset in row["data_offsets"])
                found[name] = _read(name, row, data[begin:end])
    inputs = [name for name in found if not any(part in name for part in OUTPUTS)]
    if len(inputs) != 1:
        hint = "token embeddings are looked for in *.safetensors, as tensors with a row for each id"
        raise DataError(f"{folder} has {len(inputs)} tensors that could be its token embedding", hint=hint)
    outputs = [name for name in found if name not in inputs]
    tied = bool(said.get("tie_word_embeddings")) or not outputs
    matrix = found[inputs[0]]
    return TokenRows(matrix, matrix if tied else found[outputs[0]], tied)


def is_of_tokens(name: str, row: Any, rows: int) -> bool:
    """Say whether a tensor of a file's header has a row for each of so many ids."""
    return name != "__metadata__" and row["shape"][:1] == [rows] and any(part in name for part in NAMES)


def header(file: Path) -> tuple[dict[str, Any], int]:
    """Read what tensors a file holds, and at which byte they begin.

    Raises:
        DataError: it is no file of safetensors, or ends before its last tensor does.
    """
    try:
        with file.open("rb") as data:
            (size,) = struct.unpack("<Q", data.read(8))
            tensors = json.loads(data.read(size))
            missing = 8 + size + end_of(tensors) - file.stat().st_size
    except (OSError, struct.error, MemoryError, OverflowError, *MALFORMED) as bad:
        raise DataError(f"{file} cannot be read as safetensors: {bad}") from None
    if missing > 0:
        raise DataError(f"{file} lacks its last {missing:,} bytes", hint="fetch or copy it again")
    return tensors, 8 + size


def end_of(tensors: Mapping[str, Any]) -> int:
    """Give the bytes of all tensors of a header: where the last of them ends."""
    return max((row["data_offsets"][1] for name, row in tensors.items() if name != "__metadata__"), default=0)


def widen(bits: "npt.NDArray[np.uint16]") -> Matrix:
    """Make float32 of bfloat16."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _read(name: str, row: Any, data: Any) -> Matrix:
    if row["dtype"] not in TYPES:
        raise DataError(f"the tensor {name} is of type {row['dtype']}, which cannot be read")
    values = data.view(TYPES[row["dtype"]]).reshape(row["shape"])
    return widen(values) if row["dtype"] == "BF16" else values.astype(np.float32)
