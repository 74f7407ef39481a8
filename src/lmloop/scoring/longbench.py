"""LongBench: the cut of long texts that both versions make, and the metrics of version 1, as its own script has them.

Source: Bai et al. 2023, "LongBench: A Bilingual, Multitask Benchmark for Long Context Understanding", and its public
evaluation script, which is followed wherever it does something else than the paper says: see :func:`classification`.
"""

import re
from collections.abc import Callable, Sequence

from lmloop.scoring.overlap import chinese_f1, edit_percent, english_f1
from lmloop.scoring.rouge import summary_rouge
from lmloop.scoring.words import chinese_words

NUMBER = re.compile(r"\d+")
FIRST_LINE = frozenset({"trec", "triviaqa", "samsum", "lsht"})
"""Of these only the first line of a reply counts: what comes after is the next example, made up."""

ENGLISH = ("narrativeqa", "qasper", "multifieldqa_en", "hotpotqa", "2wikimqa", "musique", "triviaqa")
SUMMARIES = ("gov_report", "qmsum", "multi_news", "samsum")


def without_middle(text: str, most: int | None) -> str:
    """Cut the middle out of a text of more than ``most`` characters, as the authors do by tokens; None cuts nothing."""
    if most is None or len(text) <= most:
        return text
    half = most // 2
    return text[:half] + text[len(text) - half :]


def chinese_rouge(prediction: str, answer: str) -> float:
    """Give ROUGE-L over the words that jieba cuts."""
    return summary_rouge(" ".join(chinese_words(prediction)), " ".join(chinese_words(answer)))


def count(prediction: str, answer: str) -> float:
    """Give the share of the numbers in a reply that are the right one."""
    numbers = NUMBER.findall(prediction)
    return numbers.count(answer) / len(numbers) if numbers else 0.0


def retrieval(prediction: str, answer: str) -> float:
    """Give the share of the numbers in a reply that are the number of the right paragraph (段落 or Paragraph)."""
    number = re.search(r"(?:Paragraph |段落)(\d+)", answer)
    return count(prediction, number[1]) if number else 0.0


def code(prediction: str, answer: str) -> float:
    """Compare the first line of code, which is the first one without a backquote or the start of a comment."""
    lines = prediction.lstrip("\n").split("\n")
    line = next((line for line in lines if not any(mark in line for mark in ("`", "#", "//"))), "")
    return edit_percent(line, answer) / 100


def classification(prediction: str, answer: str, classes: Sequence[str]) -> float:
    """Share one point among all class names that a reply holds, if the right one is among them.

    Names that are part of the right one are taken out, but the script does so while it walks over the list and so
    passes over the name behind each that it takes: that is followed. Its fallback to the most similar name is never
    reached, and so has no counterpart here.
    """
    named = [name for name in classes if name in prediction]
    place = 0
    while place < len(named):
        if named[place] in answer and named[place] != answer:
            named.remove(named[place])
        place += 1
    return 1.0 / len(named) if answer in named else 0.0


METRICS: dict[str, Callable[[str, str], float]] = {
    **dict.fromkeys(ENGLISH, english_f1),
    **dict.fromkeys(SUMMARIES, summary_rouge),
    "multifieldqa_zh": chinese_f1,
    "dureader": chinese_rouge,
    "vcsum": chinese_rouge,
    "passage_count": count,
    "passage_retrieval_en": retrieval,
    "passage_retrieval_zh": retrieval,
    "lcc": code,
    "repobench-p": code,
}
"""All data sets but trec and lsht, whose classes must be known."""

DATASETS = (*METRICS, "trec", "lsht")
NAMES = {
    **dict.fromkeys((*ENGLISH, "multifieldqa_zh"), "F1"),
    **dict.fromkeys((*SUMMARIES, "dureader", "vcsum"), "ROUGE-L"),
    **dict.fromkeys(("trec", "lsht"), "accuracy"),
    **dict.fromkeys(("passage_count", "passage_retrieval_en", "passage_retrieval_zh"), "accuracy"),
    **dict.fromkeys(("lcc", "repobench-p"), "edit similarity"),
}
"""What the metric of each data set is called."""


def judged(dataset: str, reply: str) -> str:
    """Give the part of a reply that counts."""
    return reply.lstrip("\n").split("\n")[0] if base(dataset) in FIRST_LINE else reply


def score(dataset: str, reply: str, answers: Sequence[str], classes: Sequence[str] = ()) -> float:
    """Score one reply, from 0 to 1, against the best of its answers; ``qasper_e`` is scored as ``qasper``.

    Raises:
        KeyError: there is no such data set.
    """
    name, said = base(dataset), judged(dataset, reply)
    if name in ("trec", "lsht"):
        return max((classification(said, answer, classes) for answer in answers), default=0.0)
    return max((METRICS[name](said, answer) for answer in answers), default=0.0)


def base(dataset: str) -> str:
    """Give the data set that one of LongBench-E is scored as."""
    return dataset.removesuffix("_e")


def bucket(length: int) -> str:
    """Give the class of lengths that LongBench-E averages over."""
    return "0-4k" if length < 4000 else "4-8k" if length < 8000 else "8k+"
