"""ROUGE: shared n-grams and longest common subsequences of a summary and its reference.

Two computations bear the name and differ by points. :func:`rouge` is that of Lin 2004 over a whole text, as Google's
package rouge-score has it. :func:`summary_rouge` is that of the package rouge 1.0 (pltrdy), which LongBench and much
Chinese work uses: sentences end at full stops, words count once however often they occur, and the longest common
subsequences of all pairs of sentences are united.
"""

from collections import Counter
from collections.abc import Sequence

from lmloop.scoring.words import words

DEPTH = 990
"""How far the package rouge can follow a common subsequence before Python's limit of recursion stops it: it then gives
no score, and LongBench counts 0."""


def rouge(prediction: str, answer: str) -> dict[str, float]:
    """Give the F1 of ROUGE-1, ROUGE-2 and ROUGE-L, from 0 to 1, without stemming; Chinese words are cut by jieba.

    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries".
    """
    said, wanted = words(prediction), words(answer)
    found = {f"rouge{n}": _ngram_f1(said, wanted, n) for n in (1, 2)}
    return {**found, "rougeL": _ratio(common_length(said, wanted), len(said), len(wanted))}


def summary_rouge(prediction: str, answer: str, depth: int = DEPTH) -> float:
    """Give the F1 of ROUGE-L at the level of summaries as the package rouge 1.0.1 does; 0 where it gives up.

    Words are what white space parts: cut Chinese before. With ``depth`` 0 it never gives up.
    """
    said, wanted = _sentences(prediction), _sentences(answer)
    if not said or not wanted:
        return 0.0
    united: set[str] = set()
    for reference in wanted:
        for sentence in said:
            shared, steps = common(reference, sentence)
            if depth and steps > depth:
                return 0.0
            united.update(shared)
    recall = len(united) / len({word for sentence in wanted for word in sentence})
    precision = len(united) / len({word for sentence in said for word in sentence})
    return 2.0 * ((precision * recall) / (precision + recall + 1e-8))


def common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Give the length of the longest common subsequence, by bits of a whole number (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    row = full = (1 << len(one)) - 1
    for word in other:
        hit = row & places.get(word, 0)
        row = ((row + hit) | (row - hit)) & full
    return len(one) - row.bit_count()


def common(one: Sequence[str], other: Sequence[str]) -> tuple[list[str], int]:
    """Give a longest common subsequence, of several that of the package rouge, and the steps to find it."""
    table = [[0] * (len(other) + 1)]
    for word in one:
        above, row = table[-1], [0]
        for column, against in enumerate(other):
            row.append(above[column] + 1 if word == against else max(above[column + 1], row[column]))
        table.append(row)
    shared: list[str] = []
    steps, left, right = 1, len(one), len(other)
    while left and right:
        steps += 1
        if one[left - 1] == other[right - 1]:
            left, right = left - 1, right - 1
            shared.append(one[left])
        elif table[left - 1][right] > table[left][right - 1]:
            left -= 1
        else:
            right -= 1
    return shared[::-1], steps


def _sentences(text: str) -> list[list[str]]:
    # an empty sentence is one empty word: so does the package
    return [" ".join(part.split()).split(" ") for part in text.split(".") if part]


def _ngram_f1(said: Sequence[str], wanted: Sequence[str], n: int) -> float:
    one, other = (Counter(zip(*(part[i:] for i in range(n)), strict=False)) for part in (said, wanted))
    return _ratio(sum((one & other).values()), one.total(), other.total())


def _ratio(shared: int, said: int, wanted: int) -> float:
    return 2 * shared / (said + wanted) if shared else 0.0
