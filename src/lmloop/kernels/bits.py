"""Bits of 64-bit words: loading eight bytes as one, folding two words, and counting and finding bits.

What looks at bytes one by one takes a jump for each; eight at a time in one word take a few operations. Words are
little-endian, as every machine is that this package is tested on: the first byte is in the lowest bits.
"""

from typing import Any

import numpy as np

from lmloop.kernels.jit import inlined, intrinsic

LOW_BITS = np.uint64(0x0101010101010101)  # the lowest bit of every byte
HIGH_BITS = np.uint64(0x8080808080808080)  # the highest
LOWER_SEVEN = np.uint64(0x7F7F7F7F7F7F7F7F)


@intrinsic
def load64(context: Any, data: Any, i: Any) -> Any:
    """Load the 8 bytes at ``i`` as one number; the caller sees to it that all 8 are there."""
    from numba import types

    return types.uint64(data, i), _load(64)


@intrinsic
def load32(context: Any, data: Any, i: Any) -> Any:
    """Load the 4 bytes at ``i`` as one number; the caller sees to it that all 4 are there."""
    from numba import types

    return types.uint64(data, i), _load(32)


def _load(bits: int) -> Any:
    from llvmlite import ir

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        word = builder.load(builder.bitcast(place, ir.IntType(bits).as_pointer()))
        word.align = 1
        return builder.zext(word, ir.IntType(64)) if bits < 64 else word

    return generate


@intrinsic
def store64(context: Any, data: Any, i: Any, word: Any) -> Any:
    """Store a number as the 8 bytes from ``i`` on; the caller sees to it that there is room for all 8."""
    from llvmlite import ir
    from numba import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(64).as_pointer())
        builder.store(arguments[2], place).align = 1
        return context.get_dummy_value()

    return types.void(data, i, types.uint64), generate


@intrinsic
def fold(context: Any, left: Any, right: Any) -> Any:
    """Multiply to 128 bits and fold the halves together (wyhash's step): every bit reaches every bit."""
    from llvmlite import ir
    from numba import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(word, wide) for word in arguments))
        high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))
        return builder.xor(builder.trunc(product, ir.IntType(64)), high)

    return types.uint64(types.uint64, types.uint64), generate


@intrinsic
def count_bits(context: Any, word: Any) -> Any:
    """Count the bits that are set in a uint64: an int64."""
    from numba import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@intrinsic
def bytes_before(context: Any, word: Any) -> Any:
    """Count the bytes before the first one with a bit set, an int64; 8 where no bit is set."""
    from llvmlite import ir
    from numba import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        zeros = builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))
        return builder.lshr(zeros, ir.Constant(ir.IntType(64), 3))

    return types.int64(types.uint64), generate


@inlined
def zero_bytes(word: Any) -> Any:
    """Set the highest bit of the first byte that is 0, and maybe of bytes behind it; 0 where none is."""
    return (word - LOW_BITS) & ~word & HIGH_BITS


@inlined
def count_zero_bytes(word: Any) -> Any:
    """Count the bytes that are 0."""
    return count_bits(~(((word & LOWER_SEVEN) + LOWER_SEVEN) | word | LOWER_SEVEN))
