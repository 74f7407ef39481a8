"""How much two texts have in common: exact match, F1 over words, edit similarity, BLEU and chrF."""

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from lmloop.core.extras import need
from lmloop.scoring.words import HAN, chinese_words, normal_chinese, normal_english


def exact(prediction: str, answers: Iterable[str]) -> float:
    """Tell whether a reply is one of the answers, but for case, articles, punctuation and white space."""
    return float(any(_plain(prediction) == _plain(answer) for answer in answers))


def f1(prediction: str, answers: Iterable[str]) -> float:
    """Give the best F1 over words against any of the answers; a text with Chinese in it is cut by jieba.

    Source: SQuAD (Rajpurkar et al. 2016); LongBench (Bai et al. 2023) for Chinese.
    """
    return max((_f1(prediction, answer) for answer in answers), default=0.0)


def english_f1(prediction: str, answer: str) -> float:
    """Give the F1 over words, as SQuAD does."""
    return token_f1(normal_english(prediction).split(), normal_english(answer).split())


def chinese_f1(prediction: str, answer: str) -> float:
    """Give the F1 over words that jieba cuts, as LongBench does."""
    return token_f1(_chinese_tokens(prediction), _chinese_tokens(answer))


def token_f1(prediction: Sequence[str], answer: Sequence[str]) -> float:
    """Give the harmonic mean of precision and recall of a bag of tokens; 0 where nothing is shared."""
    shared = sum((Counter(prediction) & Counter(answer)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(prediction), shared / len(answer)
    return 2 * precision * recall / (precision + recall)


def edit_percent(prediction: str, answer: str) -> int:
    """Give how alike two texts are, from 0 to 100: what ``fuzz.ratio`` of fuzzywuzzy says.

    That is 100 times the ratio of Python's difflib, rounded; with the package python-Levenshtein beside it
    fuzzywuzzy gives other numbers, which is one reason why published scores of code tasks differ by a point.
    """
    if prediction == answer:
        return 100
    return round(100 * SequenceMatcher(None, prediction, answer).ratio())


def edit_similarity(prediction: str, answers: Iterable[str]) -> float:
    """Give 1 less the edit distance over the longer text's length (Levenshtein); the best of several answers."""
    return max((_similarity(prediction, answer) for answer in answers), default=0.0)


def bleu(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> float:
    """Give the BLEU of a whole corpus, from 0 to 100; ``answers`` holds those of each prediction.

    Source: Papineni et al. 2002 as sacrebleu 2 computes it (Post 2018); Chinese by sacrebleu's own tokenizer.

    Raises:
        ExtraMissing: sacrebleu is not installed.
    """
    sacrebleu = need("sacrebleu", "evaluate")
    cut = "zh" if any(HAN.search(text) for texts in answers for text in texts) else "13a"
    return float(sacrebleu.corpus_bleu(list(predictions), _columns(answers), tokenize=cut).score)


def chrf(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> float:
    """Give the chrF of a whole corpus, from 0 to 100 (Popović 2015), as sacrebleu computes it.

    Raises:
        ExtraMissing: sacrebleu is not installed.
    """
    return float(need("sacrebleu", "evaluate").corpus_chrf(list(predictions), _columns(answers)).score)


def sentence_bleu(prediction: str, answers: Sequence[str]) -> float:
    """Give the smoothed BLEU of one text, from 0 to 100, as sacrebleu computes it."""
    sacrebleu = need("sacrebleu", "evaluate")
    cut = "zh" if any(HAN.search(text) for text in answers) else "13a"
    return float(sacrebleu.sentence_bleu(prediction, list(answers), tokenize=cut).score)


def sentence_chrf(prediction: str, answers: Sequence[str]) -> float:
    """Give the chrF of one text, from 0 to 100, as sacrebleu computes it."""
    return float(need("sacrebleu", "evaluate").sentence_chrf(prediction, list(answers)).score)


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Count the fewest insertions, deletions and replacements that turn one into the other."""
    before = list(range(len(other) + 1))
    for row, left in enumerate(one, 1):
        now = [row]
        for column, right in enumerate(other, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (left != right)))
        before = now
    return before[-1]


def _plain(text: str) -> str:
    return normal_chinese(text) if HAN.search(text) else normal_english(text)


def _f1(prediction: str, answer: str) -> float:
    return chinese_f1(prediction, answer) if HAN.search(answer) else english_f1(prediction, answer)


def _chinese_tokens(text: str) -> list[str]:
    return [token for word in chinese_words(text) if (token := normal_chinese(word))]


def _similarity(one: str, other: str) -> float:
    longer = max(len(one), len(other))
    return 1 - distance(one, other) / longer if longer else 1.0


def _columns(answers: Sequence[Sequence[str]]) -> list[list[str]]:
    """Turn the answers of each row into rows of first, second, ... answers; the first stands in for those missing."""
    most = max(map(len, answers), default=0)
    return [[texts[i] if i < len(texts) else texts[0] for texts in answers] for i in range(most)]
