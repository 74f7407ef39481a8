import time
import unicodedata
from pathlib import Path

import numpy as np

from lmloop.kernels import characters, normal
from lmloop.kernels.characters import CJK, JOINER, LETTER, MARK, NUMBER, OTHER, PUNCTUATION, SPACE, SYMBOL, classes
from lmloop.kernels.normal import COPY, DROP, REWRITE


def common(old: np.ndarray, new: np.ndarray, unknown: int) -> np.ndarray:
    """Where both tables know the code point: a newer Unicode only ever adds."""
    return (old != unknown) & (new != unknown)


def test_the_table_is_what_unicodedata_says(tmp_path: Path):
    place = tmp_path / "table.npz"
    characters.generate(place)
    with np.load(place) as table, np.load(characters.TABLE) as shipped:
        here = table["blocks"][table["index"]].reshape(-1)
        same_version = str(table["version"]) == str(shipped["version"])
    both = common(here, classes(), OTHER)
    # Unicode may re-class a handful of characters from one version to the next.
    assert np.count_nonzero(here[both] != classes()[both]) <= (0 if same_version else 40)
    assert np.count_nonzero(both) > 140_000


def test_the_rules_are_what_unicodedata_says():
    rules, differences, known = normal.rules(), 0, 0
    for point in np.flatnonzero(classes() != OTHER).tolist():
        character = chr(point)
        if unicodedata.category(character) == "Cn":
            continue
        action = int(rules.action[point])
        if action == COPY:
            new = character
        elif action < REWRITE:
            new = {1: " ", 2: "", 3: "0"}[action]
        else:
            k = action - REWRITE
            new = bytes(rules.pool[rules.starts[k] : rules.starts[k + 1]]).decode()
        known += 1
        differences += new != normal.rewrite(character)
        assert len(new.encode()) <= normal.GROWTH * len(character.encode())
    assert known > 140_000
    assert differences <= 40


def test_classes_of_well_known_characters():
    expected = {
        LETTER: "aZéßΩжअไ",
        NUMBER: "0９२²Ⅷ½",
        MARK: "\u0301\u093f\u200d\u00ad\ufe0f\U0001f3fd\u1161",
        CJK: "中々〇あアーｱ한ㄅ𠀀⼀ᄒ",
        JOINER: "'’-",
        PUNCTUATION: ".,_。，「…—",
        SYMBOL: "$+=😀❤�",
        SPACE: " \n\t\x1c\x85\xa0\u2028\u3000",
        OTHER: "\x00\u200b\ue000\U000e0080",
    }
    for kind, members in expected.items():
        assert {c: int(classes()[ord(c)]) for c in members} == dict.fromkeys(members, kind)


def test_loading_takes_no_time():
    classes.cache_clear()
    normal.rules.cache_clear()
    start = time.process_time()
    classes()
    normal.rules()
    assert time.process_time() - start < 0.1
    assert DROP in normal.rules().action
