import numpy as np
from hypothesis import assume, given
from kernel_texts import COLUMNS, PIECES, buffer_of, plain_normal_form, plain_tokens, table_knows
from test_kernel_hashing import ALL_ONES, fold, plain_hash

from lmloop.kernels.hashing import GOLDEN, ROOT_3
from lmloop.kernels.minhash import (
    NOTHING,
    Signatures,
    estimated_jaccard,
    jaccard,
    minhash,
    permutations,
    shingles,
)
from lmloop.kernels.normal import normal_form

PRIME = (1 << 61) - 1


def read(texts: list[str]) -> list[str]:
    form = normal_form(buffer_of(*texts))
    return [bytes(form.data[a:b]).decode() for a, b in zip(form.offsets[:-1], form.offsets[1:], strict=True)]


def plain_shingles(text: str, n: int) -> set[int]:
    words = [plain_hash(token.encode()) for token, _ in plain_tokens(plain_normal_form(text))]
    n, found = min(n, len(words)), set()
    for i in range(len(words) - n + 1 if words else 0):
        state = int(GOLDEN)
        for word in words[i : i + n]:
            state = fold(state ^ word, int(ROOT_3))
        found.add(state)
    return found


@given(COLUMNS)
def test_the_normal_form_is_that_of_the_definition(texts):
    assume(table_knows(texts))
    assert read(texts) == [plain_normal_form(text) for text in texts]


def test_what_the_normal_form_evens_out():
    same = ["Straße, 12.5 km!", "straße   7 km", "STRAßE\u00ad (0) — km"]
    assert read(same) == ["straße 0 km"] * 3
    assert read(["Ёлка", "élan", "ÉLAN", "ΟΔΟΣ", "οδος", "第１２章。"]) == (
        ["елка", "elan", "elan", "οδοσ", "οδοσ", "第0章"]
    )
    assert read(["，。…", "", " \u3000"]) == ["", "", ""]


@given(COLUMNS)
def test_signatures_are_those_of_the_definition(texts):
    assume(table_knows(texts))
    found, functions = minhash(buffer_of(*texts), bands=2, rows=3, n=3, seed=4), permutations(6, 4)
    sets = shingles(buffer_of(*texts), n=3)
    for number, text in enumerate(texts):
        expected = plain_shingles(text, 3)
        assert set(sets[number].tolist()) == expected
        minima = [
            min((((s * a + b) & ALL_ONES) % PRIME for s in expected), default=int(NOTHING))
            for a, b in zip(functions.a.tolist(), functions.b.tolist(), strict=True)
        ]
        assert found.minima[number].tolist() == minima
        assert found.units[number] == len(plain_tokens(plain_normal_form(text)))
    np.testing.assert_array_equal(found.short, found.units < 3)


def random_text(draw: np.random.Generator, size: int) -> list[str]:
    return [f"w{k}" if k % 2 else chr(0x4E00 + k) for k in draw.integers(0, 3000, size)]


def signatures_of(*texts: str) -> Signatures:
    return minhash(buffer_of(*texts))


def test_near_duplicates_share_a_band_and_others_do_not():
    draw = np.random.default_rng(1)
    base = random_text(draw, 400)
    near = [*base[:200], "changed", *base[201:]]
    found = signatures_of(*(" ".join(words).replace("w", "word ") for words in (base, near, random_text(draw, 400))))
    assert (found.keys[0] == found.keys[1]).any()
    assert not (found.keys[0] == found.keys[2]).any()
    assert len(np.unique(found.keys)) > 2 * 14


def test_the_estimate_is_near_the_exact_similarity():
    draw = np.random.default_rng(2)
    base = random_text(draw, 500)
    texts = [" ".join(base), " ".join(base[:400] + random_text(draw, 100)), ""]
    exact, found = shingles(buffer_of(*texts)), minhash(buffer_of(*texts), bands=64, rows=8)
    similarity = jaccard(exact[0], exact[1])
    assert 0.4 < similarity < 0.8
    assert abs(estimated_jaccard(found.minima[0], found.minima[1]) - similarity) < 0.08
    assert jaccard(exact[0], exact[0]) == estimated_jaccard(found.minima[0], found.minima[0]) == 1
    assert jaccard(exact[2], exact[2]) == estimated_jaccard(found.minima[2], found.minima[2]) == 0


def test_short_and_empty_documents_are_told_apart():
    found = signatures_of("", "。。", "Hello, world", "hello WORLD!", "hello there", "one two three four five")
    assert found.units.tolist() == [0, 0, 2, 2, 2, 5]
    assert found.short.tolist() == [True] * 5 + [False]
    assert (found.keys[2] == found.keys[3]).all()
    assert not (found.keys[2] == found.keys[4]).any()


def test_a_batch_makes_no_difference():
    texts = ["".join(PIECES), "x", "".join(PIECES[::-1]) * 30, ""]
    together = signatures_of(*texts)
    for number, text in enumerate(texts):
        alone = signatures_of(text)
        np.testing.assert_array_equal(together.keys[number], alone.keys[0])


def test_permutations_are_datatroves():
    draw = np.random.RandomState(1)
    a = draw.randint(1, PRIME, dtype=np.uint64, size=(1, 112))
    b = draw.randint(0, PRIME, dtype=np.uint64, size=(1, 112))
    np.testing.assert_array_equal(permutations(112, 1).a, a[0])
    np.testing.assert_array_equal(permutations(112, 1).b, b[0])


def test_values_do_not_change():
    # Stored signatures rest on these; a change demands a new version of the ops that use them.
    keys = signatures_of("The same text gives the same keys everywhere, 中文也一样。").keys
    assert [hex(key) for key in keys[0, :2]] == ["0x6a19d2c362e743f4", "0xb22c9c0ef98c38c7"]
