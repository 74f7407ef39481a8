from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.kernels.minhash import jaccard, shingles
from lmloop.kernels.shingles import s_curve
from lmloop.kernels.text import text_buffer
from lmloop.ops.minhash import Minhash
from lmloop.testing.ops import check_op

WORDS = ["".join(letters) for letters in product("bdfklmnprstvz", "aeiou", "bdfklmnprstvz", "eo", ["", "s", "n"])]
ZH = [chr(0x4E00 + n) for n in range(9000)]
LANGUAGES = pytest.mark.parametrize(("alphabet", "space"), [(WORDS, " "), (ZH, "")], ids=["en", "zh"])


def near(words: list[str], share: float, random: Random) -> list[str]:
    """Change a share of the words."""
    return [random.choice(WORDS) if random.random() < share else word for word in words]


def planted(alphabet: list[str], space: str, similarity: float, count: int, random: Random) -> list[tuple[str, str]]:
    """Make pairs of texts of 200 units with about this Jaccard similarity over 5-grams."""
    shared = round(200 * 2 * similarity / (1 + similarity))
    pairs = []
    for _ in range(count):
        base = random.choices(alphabet, k=shared)
        one, other = (space.join(base + random.choices(alphabet, k=200 - shared)) for _ in range(2))
        pairs.append((one, other))
    return pairs


def similarities(pairs: list[tuple[str, str]]) -> np.ndarray:
    import pyarrow as pa

    sets = shingles(text_buffer(pa.array([text for pair in pairs for text in pair])))
    return np.array([jaccard(a, b) for a, b in zip(sets[::2], sets[1::2], strict=True)])


@LANGUAGES
@pytest.mark.parametrize("settings", [{}, {"bands": 25, "rows": 10}, {"bands": 20, "rows": 13}])
def test_pairs_are_found_as_often_as_the_curve_says(alphabet, space, settings):
    random, op = Random(7), Minhash(**settings)
    for similarity in (0.4, 0.6, 0.75, 0.85, 0.95):
        pairs = planted(alphabet, space, similarity, 150, random)
        chances = s_curve(similarities(pairs), op.bands, op.rows)
        found = op([text for pair in pairs for text in pair]).reasons["near-duplicate"]
        spread = np.sqrt((chances * (1 - chances)).sum())
        assert abs(found - chances.sum()) <= 4 * spread + 1, similarity


@LANGUAGES
def test_verified_pairs_are_as_alike_as_asked_for_and_hardly_one_is_missed(alphabet, space):
    random = Random(9)
    pairs = [pair for s in np.linspace(0.3, 0.95, 14) for pair in planted(alphabet, space, float(s), 20, random)]
    alike = similarities(pairs) >= 0.7
    op = Minhash(bands=50, rows=4, verify=0.7)
    kept = set(op([text for pair in pairs for text in pair]).texts)
    found = np.array([other not in kept for _, other in pairs])
    assert not (found & ~alike).any()
    assert (found & alike).sum() >= 0.999 * alike.sum()
    loose = Minhash(bands=50, rows=4)([text for pair in pairs for text in pair])
    assert loose.reasons["near-duplicate"] > found.sum(), "without, others are taken for copies"


TEXTS = st.lists(st.lists(st.sampled_from(["red", "green", "海", "城", "x"]), max_size=7).map(" ".join), max_size=9)


@given(TEXTS, st.sampled_from([0.3, 0.6, 1.0]), st.sampled_from(["first", "longest", "shortest"]))
def test_with_every_pair_a_candidate_groups_are_those_of_the_definition(texts, least, keep):
    """One row a band and many bands: whatever shares a shingle is compared."""
    import pyarrow as pa

    sets = shingles(text_buffer(pa.array(texts, pa.string())), 1)
    stands = list(range(len(texts)))
    for _, i, j in product(texts, range(len(texts)), range(len(texts))):
        if jaccard(sets[i], sets[j]) >= least:
            stands[i] = stands[j] = min(stands[i], stands[j])
    groups = {root: [i for i in range(len(texts)) if stands[i] == root] for root in set(stands)}
    rank = {"first": lambda i: i, "longest": lambda i: (-len(texts[i]), i), "shortest": lambda i: (len(texts[i]), i)}
    kept = sorted(min(group, key=rank[keep]) for group in groups.values())
    outcome = Minhash(n=1, bands=300, rows=1, verify=least, keep=keep)(texts)
    assert outcome.texts == [texts[i] for i in kept]


def test_planted_copies_are_found_and_others_stay():
    random = Random(5)
    originals = [random.choices(WORDS, k=300) for _ in range(40)]
    copies = [near(words, 0.01, random) for words in originals]
    texts = [" ".join(words) for words in [*originals, *copies]]
    outcome = Minhash()(texts)
    assert outcome.texts[:40] == texts[:40]
    assert outcome.reasons["near-duplicate"] >= 39


def test_chinese_is_compared_by_characters():
    random = Random(6)
    text = "".join(random.choices(ZH, k=400))
    other = "".join(random.choices(ZH, k=400))
    assert Minhash()([text, text[:390] + "完全不同的结尾", other]).texts == [text, other]


def test_case_numbers_and_punctuation_make_no_difference_and_empty_texts_are_not_alike():
    text = "In 1999 we saw the ships, 12 of them, leave the harbour at dawn."
    assert Minhash()([text, text.upper().replace("1999", "2001").replace(",", " -"), "", "", "..."]).texts == [
        *(text, "", "", "...")
    ]


def test_other_units_look_at_what_words_leave_out():
    text = "In 1999 we saw the ships, 12 of them, leave the harbour at dawn."
    texts = [text, text.upper(), text.replace(",", ";"), text]
    assert len(Minhash(unit="space")(texts).texts) == 2
    assert len(Minhash(unit="character", n=24)(texts).texts) == 3


NEMO = {"unit": "character", "n": 24, "bands": 20, "rows": 13}


@pytest.mark.parametrize("settings", [{"unit": "space"}, {**NEMO, "verify": 0.8, "keep": "longest"}])
def test_the_battery(settings):
    check_op(Minhash(**settings))


def test_clusters_know_the_row_that_stays_and_their_size():
    outcome = Minhash(keep="longest")(["one two three", "else", "one two  three!", "ONE two three"])
    rows = outcome.batch.to_pylist()
    assert [row["text"] for row in rows] == ["else", "one two  three!"]
    assert [(row["stats.minhash.cluster"], row["stats.minhash.cluster_size"]) for row in rows] == [(None, None), (2, 3)]
    assert outcome.dropped.column("stats.minhash.cluster").to_pylist() == [2, 2]
