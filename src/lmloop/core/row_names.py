"""Names of rows: a digest of the file and of the row's number in it, 16 hexadecimal digits."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

DIGITS = 16


def row_names(file: str, numbers: Sequence[int]) -> "pa.Array":
    """Name some rows of a file; within one file no two names are the same.

    The number is scattered with the finaliser of SplitMix64 (Steele, Lea and Flood 2014, figure 15), which is a
    bijection, starting at a 64-bit BLAKE2b digest of the file's name.
    """
    digest = hashlib.blake2b(file.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    place = np.asarray(numbers, np.uint64) + np.uint64(1)
    with np.errstate(over="ignore"):
        x = np.frombuffer(digest, ">u8").astype(np.uint64) + place * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    names = x.astype(">u8").tobytes().hex().encode()
    offsets = np.arange(len(place) + 1, dtype=np.int32) * DIGITS
    return pa.StringArray.from_buffers(len(place), pa.py_buffer(offsets), pa.py_buffer(names))
