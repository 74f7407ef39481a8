"""Machine code of kernels with plain entries, ``int entry(int64_t *slots)``: made of what numba compiles.

An entry reads the arguments from the slots in the order of the signature, calls the kernel, writes what it gives into
the slots behind, and says whether it failed. Whatever else numba makes is left out: nothing calls into Python.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba.core.registry import cpu_target
from numba.np import arrayobj
from numba.np.numpy_support import from_dtype

from lmloop.kernels.compiling.signatures import READ_ONLY, Signature

numba: Any = import_module("numba")  # its own type hints know not all of it
types: Any = numba.types
_WORD = ir.IntType(64)
_DATA, _DIMENSIONS, _STRIDES = 0, 2, 3  # places, in words, of what numpy keeps of an array


class Entries:
    """One module of LLVM that grows by an entry for each kernel and signature."""

    def __init__(self) -> None:
        self._module = binding.parse_assembly("")
        self._symbols: list[str] = []

    def add(self, kernel: Any, name: str, signature: Signature) -> tuple[str, Any]:
        """Compile a kernel for a signature; gives the entry's name, and what it gives."""
        arguments = list(_types(iter(signature)))
        kernel.compiled.compile(tuple(arguments))
        made = kernel.compiled.overloads[tuple(arguments)]
        assert not made.library.has_dynamic_globals, f"{name} holds an address of this process"
        symbol = f"lmloop_{name.replace('.', '_')}_{len(self._symbols)}"
        entry = _entry(symbol, made)
        for module in (made.library.get_llvm_str(), str(entry)):
            self._module.link_in(binding.parse_assembly(module))
        self._symbols.append(symbol)
        return symbol, _words(made.signature.return_type)

    def machine_code(self, machine: Any) -> bytes:
        """Give the object file of all entries."""
        for value in (*self._module.functions, *self._module.global_variables):
            if not value.is_declaration and value.name not in self._symbols:
                value.linkage = "internal"
        passes = binding.create_new_module_pass_manager()
        passes.add_global_dead_code_eliminate_pass()
        passes.run(self._module, binding.create_pass_builder(machine, binding.create_pipeline_tuning_options()))
        return bytes(machine.emit_object(self._module))


def _types(words: Iterator[str]) -> Iterator[Any]:
    for word in words:
        if word == ")":
            return
        if word.endswith("("):
            module, _, name = word[:-1].partition(":")
            kind = getattr(import_module(module), name) if name else tuple
            yield types.BaseTuple.from_types(tuple(_types(words)), kind)
        elif "." in word:
            dtype, _, shape = word.removesuffix(READ_ONLY).partition(".")
            yield types.Array(
                from_dtype(np.dtype(dtype)), int(shape[:-1]), shape[-1], readonly=word.endswith(READ_ONLY)
            )
        else:
            yield getattr(types, "boolean" if word == "bool" else word)


def _entry(symbol: str, made: Any) -> Any:
    """Write the entry of a kernel that numba compiled: a module with one function."""
    context = cpu_target.target_context
    module = context.codegen()._create_empty_module(symbol)
    entry = ir.Function(module, ir.FunctionType(ir.IntType(32), [_WORD.as_pointer()]), symbol)
    builder = ir.IRBuilder(entry.append_basic_block())
    kernel = context.declare_function(module, made.fndesc)
    slots = _Slots(context, builder, entry.args[0])
    arguments, result = made.signature.args, made.signature.return_type
    values = [slots.read(kind) for kind in arguments]
    status, value = context.call_conv.call_function(builder, kernel, result, arguments, values)
    with builder.if_then(status.is_error, likely=False):
        builder.ret(ir.Constant(ir.IntType(32), 1))
    slots.write(result, value)
    builder.ret(ir.Constant(ir.IntType(32), 0))
    return module


class _Slots:
    """The slots of an entry, read and written in order."""

    def __init__(self, context: Any, builder: Any, first: Any) -> None:
        self._context, self._builder, self._first, self._place = context, builder, first, 0

    def read(self, kind: Any) -> Any:
        """Read a value of numba's type."""
        builder = self._builder
        if isinstance(kind, types.BaseTuple):
            return self._context.make_tuple(builder, kind, [self.read(part) for part in kind])
        word = builder.load(self._next())
        if isinstance(kind, types.Array):
            return self._array(kind, word)
        if kind == types.boolean:
            return builder.icmp_unsigned("!=", word, ir.Constant(_WORD, 0))
        if kind == types.float64:
            return builder.bitcast(word, ir.DoubleType())
        assert isinstance(kind, types.Integer), kind
        return builder.trunc(word, ir.IntType(kind.bitwidth)) if kind.bitwidth < 64 else word

    def write(self, kind: Any, value: Any) -> None:
        """Write a value of numba's type."""
        builder = self._builder
        if kind == types.none:
            return
        if isinstance(kind, types.BaseTuple):
            for place, part in enumerate(kind):
                self.write(part, builder.extract_value(value, place))
            return
        if kind == types.float64:
            value = builder.bitcast(value, _WORD)
        elif kind == types.boolean:
            value = builder.zext(value, _WORD)
        else:
            assert isinstance(kind, types.Integer), kind
            value = self._context.cast(builder, value, kind, types.int64 if kind.signed else types.uint64)
        builder.store(value, self._next())

    def _next(self) -> Any:
        self._place += 1
        return self._builder.gep(self._first, [ir.Constant(_WORD, self._place - 1)])

    def _array(self, kind: Any, kept: Any) -> Any:
        builder, context = self._builder, self._context
        kept = builder.inttoptr(kept, _WORD.as_pointer().as_pointer())
        data, dimensions, strides = (
            builder.load(builder.gep(kept, [ir.Constant(_WORD, place)])) for place in (_DATA, _DIMENSIONS, _STRIDES)
        )
        held = context.get_data_type(kind.dtype)
        array = context.make_array(kind)(context, builder)
        put: Any = arrayobj.populate_array
        put(
            array,
            data=builder.bitcast(data, held.as_pointer()),
            shape=[builder.load(builder.gep(dimensions, [ir.Constant(_WORD, n)])) for n in range(kind.ndim)],
            strides=[builder.load(builder.gep(strides, [ir.Constant(_WORD, n)])) for n in range(kind.ndim)],
            itemsize=ir.Constant(_WORD, context.get_abi_sizeof(held)),
            meminfo=None,
        )
        return array._getvalue()


def _words(result: Any) -> Any:
    """Say what an entry gives, as the list of the library has it."""
    if isinstance(result, types.BaseTuple):
        return [_words(part) for part in result]
    return None if result == types.none else "bool" if result == types.boolean else str(result)
