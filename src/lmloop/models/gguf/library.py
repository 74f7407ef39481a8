"""llama.cpp's library as a Python package brings it, behind the few calls that are needed here.

Two packages are known: ``llama_cpp`` (llama-cpp-python, built from the newest llama.cpp, also for GPUs) and
``ik_llama_cpp`` (ik-llama-cpp-python, a fork that comes as a wheel). Their structures are taken from the package; the
calls whose names differ are told apart here. Why not their Python classes: these score one text at a time.
"""

import ctypes
import os
from collections.abc import Sequence
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int8, c_int32, c_void_p
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmloop.core.errors import ExtraMissing

FORK = "ik_llama_cpp"
PACKAGES = {"llama_cpp": "llama_cpp.llama_cpp", FORK: "ik_llama_cpp._ctypes_api"}
"""The packages in the order in which they are looked for, and the module of each that has its structures."""

_LOG = ctypes.CFUNCTYPE(None, c_int32, c_char_p, c_void_p)
_CALLS: dict[str, tuple[list[Any], Any]] = {
    "llama_model_load_from_file": ([c_char_p, "model"], c_void_p),
    "llama_init_from_model": ([c_void_p, "context"], c_void_p),
    "llama_free": ([c_void_p], None),
    "llama_model_get_vocab": ([c_void_p], c_void_p),
    "llama_vocab_n_tokens": ([c_void_p], c_int32),
    "llama_vocab_is_eog": ([c_void_p, c_int32], c_bool),
    "llama_vocab_get_add_bos": ([c_void_p], c_bool),
    "llama_vocab_get_text": ([c_void_p, c_int32], c_char_p),
    "llama_vocab_bos": ([c_void_p], c_int32),
    "llama_vocab_eos": ([c_void_p], c_int32),
    "llama_model_chat_template": ([c_void_p, c_char_p], c_char_p),
    "llama_n_ctx_train": ([c_void_p], c_int32),
    "llama_model_n_embd": ([c_void_p], c_int32),
    "llama_decode": ([c_void_p, "batch"], c_int32),
    "llama_get_logits_ith": ([c_void_p, c_int32], POINTER(c_float)),
    "llama_get_embeddings_ith": ([c_void_p, c_int32], POINTER(c_float)),
    "llama_pooling_type": ([c_void_p], c_int32),
    "llama_model_default_params": ([], "model"),
    "llama_context_default_params": ([], "context"),
    "llama_backend_init": ([], None),
    "llama_log_set": ([_LOG, c_void_p], None),
}
_OF_TEXT = ([c_void_p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool, c_bool], c_int32)
_OF_TOKEN = ([c_void_p, c_int32, c_char_p, c_int32, c_int32, c_bool], c_int32)
_REMOVE = ([c_void_p, c_int32, c_int32, c_int32], c_bool)
_COPY = ([c_void_p, c_int32, c_int32, c_int32, c_int32], None)


class Library:
    """An open library."""

    def __init__(self, package: str) -> None:
        self.package = package
        # threads that spin while they wait take minutes where other processes want the same cores
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        self.module = import_module(PACKAGES[package])
        self._handle = ctypes.CDLL(self.module._lib._name)
        newest = hasattr(self._handle, "llama_get_memory")
        prefix = "llama_memory" if newest else "llama_kv_cache"
        named: dict[str, tuple[str, tuple[list[Any], Any]]] = {
            "tokenize": ("llama_tokenize" if newest else "llama_vocab_tokenize", _OF_TEXT),
            "piece": ("llama_token_to_piece" if newest else "llama_token_to_piece_vocab", _OF_TOKEN),
            "remove": (f"{prefix}_seq_rm", _REMOVE),
            "copy": (f"{prefix}_seq_cp", _COPY),
            "clear": (f"{prefix}_clear", ([c_void_p, c_bool] if newest else [c_void_p], None)),
        }
        self._named = {short: self._bind(name, types) for short, (name, types) in named.items()}
        self._calls = {name: self._bind(name, types) for name, types in _CALLS.items()}
        self._memory = self._bind("llama_get_memory", ([c_void_p], c_void_p)) if newest else None
        self._silent = _LOG(lambda level, text, user: None)
        self._calls["llama_log_set"](self._silent, None)
        self._calls["llama_backend_init"]()

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function that all versions have, by its name without ``llama_``."""
        return self._calls[f"llama_{name}"](*arguments)

    def of_text(self, *arguments: Any) -> int:
        """Call ``llama_tokenize`` with a vocabulary."""
        return int(self._named["tokenize"](*arguments))

    def of_token(self, *arguments: Any) -> int:
        """Call ``llama_token_to_piece`` with a vocabulary."""
        return int(self._named["piece"](*arguments))

    def memory(self, context: int) -> int:
        """Give what the calls on the cache take: the cache, or in older versions the context."""
        return int(self._memory(context)) if self._memory is not None else context

    def remove(self, memory: int, sequence: int, first: int = 0) -> None:
        """Forget the tokens of a sequence from a place on."""
        self._named["remove"](memory, sequence, first, -1)

    def clear(self, memory: int) -> None:
        """Forget all sequences."""
        self._named["clear"](*((memory, True) if self._memory is not None else (memory,)))

    def copy(self, memory: int, source: int, target: int) -> None:
        """Let a sequence begin with all tokens of another; nothing is computed, nor moved."""
        self._named["copy"](memory, source, target, -1, -1)

    def batch(
        self, tokens: Sequence[int], places: Sequence[int], sequences: Sequence[int], asked: Sequence[bool]
    ) -> Any:
        """Make a batch: tokens, their places and sequences, and whether the logits behind each are wanted."""
        count = len(tokens)
        ids = (c_int32 * count)(*sequences)
        step = ctypes.sizeof(c_int32)
        rows = (POINTER(c_int32) * count)(
            *(ctypes.cast(ctypes.addressof(ids) + place * step, POINTER(c_int32)) for place in range(count))
        )
        batch = self.module.llama_batch()
        batch.n_tokens = count
        batch.token = (c_int32 * count)(*tokens)
        batch.pos = (c_int32 * count)(*places)
        batch.n_seq_id = (c_int32 * count)(*([1] * count))
        batch.seq_id = rows
        batch.logits = (c_int8 * count)(*map(int, asked))
        batch.kept = ids  # seq_id points into it
        return batch

    def _bind(self, name: str, types: tuple[list[Any], Any]) -> Any:
        structures = {
            "model": self.module.llama_model_params,
            "context": self.module.llama_context_params,
            "batch": self.module.llama_batch,
        }
        function = getattr(self._handle, name)
        arguments, result = types
        function.argtypes = [structures[each] if isinstance(each, str) else each for each in arguments]
        function.restype = structures[result] if isinstance(result, str) else result
        return function


@cache
def library() -> Library:
    """Open the library, of whichever package is installed.

    Raises:
        ExtraMissing: none is.
    """
    for package in PACKAGES:
        if find_spec(package) is not None:
            return Library(package)
    raise ExtraMissing(
        "this needs llama.cpp, which is not installed",
        hint="pip install 'lmloop[gguf]', or llama-cpp-python to build the newest one",
    )


def row(pointer: Any, size: int) -> NDArray[np.float32]:
    """Copy a row of numbers out of the library."""
    return np.ctypeslib.as_array(pointer, shape=(size,)).copy()
