from itertools import product
from random import Random

from lmloop.ops.minhash import Minhash

WORDS = ["".join(letters) for letters in product("bdfklmnprstvz", "aeiou", "bdfklmnprstvz", "eo")]
ZH = [chr(0x4E00 + n) for n in range(2000)]


def near(words: list[str], share: float, random: Random) -> list[str]:
    """Change a share of the words."""
    return [random.choice(WORDS) if random.random() < share else word for word in words]


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
