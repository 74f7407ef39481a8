import unicodedata

import pytest
from hypothesis import given
from op_texts import CHINESE, COLUMNS, ENGLISH

from lmloop.ops.characters import Characters

GROUPS = {
    "L": "letters",
    "M": "letters",
    "N": "numbers",
    "P": "punctuation",
    "S": "symbols",
    "Z": "space",
    "C": "others",
}
NAMES = (*dict.fromkeys(GROUPS.values()), "capitals", "ascii")


def plain(text: str) -> dict[str, float]:
    counts = dict.fromkeys(NAMES, 0)
    for c in text:
        counts["space" if c.isspace() else GROUPS[unicodedata.category(c)[0]]] += 1
        counts["capitals"] += c.isupper()
        counts["ascii"] += c.isascii()
    return {name: count / max(len(text), 1) for name, count in counts.items()}


@given(COLUMNS)
def test_shares_are_those_of_the_categories(texts):
    odd = "\u200b\ufeff"  # characters of format belong to the letters about them; categories say "control"
    texts = [text.translate(dict.fromkeys(map(ord, odd))) for text in texts]
    texts = [text for text in texts if all(unicodedata.category(c) not in ("Cf", "Cn", "Nl", "Sk") for c in text)]
    batch = Characters()(texts).batch
    found = [[batch.column(f"stats.characters.{name}")[i].as_py() for name in NAMES] for i in range(len(texts))]
    assert found == [pytest.approx(list(plain(text).values())) for text in texts]


@pytest.mark.parametrize(
    ("settings", "text", "reason"),
    [
        ({"min_letters": 0.5}, "1234 abc", "few-letters"),
        ({"min_ascii": 0.9}, CHINESE, "little-ascii"),
        ({"max_capitals": 0.3}, "WHY NOT", "capitals"),
        ({"max_numbers": 0.15}, "tel 123456", "numbers"),
        ({"max_punctuation": 0.2}, "a.,;b", "punctuation"),
        ({"max_symbols": 0.2}, "a ==== b", "symbols"),
        ({"max_space": 0.25}, "a  b  c", "space"),
        ({"max_others": 0.1}, "a\x00\x01b", "others"),
    ],
)
def test_each_limit_gives_its_reason(settings, text, reason):
    outcome = Characters(**settings)([text, "" if "min" in next(iter(settings)) else ENGLISH])
    assert outcome.dropped.column("drop.reason").to_pylist()[0] == reason


def test_without_limits_everything_stays():
    assert Characters()([ENGLISH, CHINESE, "", "\x00"]).texts == [ENGLISH, CHINESE, "", "\x00"]
