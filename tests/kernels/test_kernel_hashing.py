import numpy as np
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from kernel_texts import COLUMNS, buffer_of

from lmloop.kernels.hashing import GOLDEN, ROOT_2, ROOT_3, hash64, hash128, xxh64
from lmloop.kernels.text import TextBuffer, read_only

ALL_ONES = (1 << 64) - 1


def fold(left: int, right: int) -> int:
    product = left * right
    return (product & ALL_ONES) ^ (product >> 64)


def plain_hash(data: bytes) -> int:
    state = (len(data) * int(ROOT_2) & ALL_ONES) ^ int(GOLDEN)
    i = 0
    while len(data) > 8 and i + 8 < len(data):
        state = fold(state ^ int.from_bytes(data[i : i + 8], "little"), int(ROOT_3))
        i += 8
    return fold(state ^ int.from_bytes(data[-8:], "little"), int(GOLDEN))


@given(st.lists(st.binary(max_size=100), max_size=5), st.integers(0, ALL_ONES))
def test_hashes_are_those_of_the_definition(parts, seed):
    offsets = np.cumsum([0, *map(len, parts)]).astype(np.int64)
    buffer = TextBuffer(read_only(np.frombuffer(b"".join(parts), np.uint8)), offsets)
    assert xxh64(buffer, seed).tolist() == [xxhash.xxh64_intdigest(part, seed) for part in parts]
    assert hash64(buffer).tolist() == [plain_hash(part) for part in parts]


@given(COLUMNS)
def test_128_bits_are_the_two_together(texts):
    buffer = buffer_of(*texts)
    assert hash128(buffer).shape == (len(texts), 2)
    np.testing.assert_array_equal(hash128(buffer)[:, 0], xxh64(buffer))
    np.testing.assert_array_equal(hash128(buffer)[:, 1], hash64(buffer))


def test_similar_texts_have_unlike_hashes():
    hashes = hash64(buffer_of(*(f"document number {k} ends here" for k in range(20_000)), "a", "a\0", "\0", ""))
    assert len(set(hashes.tolist())) == 20_004
    for low in range(0, 64, 16):  # each part of the hash spreads evenly
        part = (hashes >> np.uint64(low)) & np.uint64(15)
        assert np.bincount(part.astype(np.int64)).min() > 1050


def test_values_do_not_change():
    # Stored signatures and keys rest on these; a change demands a new version of the ops that use them.
    hashes = hash64(buffer_of("", "lmloop", "中文和 English"))
    assert [hex(h) for h in hashes] == ["0xbe8cab644efdda51", "0x94f8d96e1b49c7de", "0x2c0c7b65ee2742c8"]
