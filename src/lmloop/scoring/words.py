"""Words of a text in any script, and texts made alike before they are compared."""

import logging
import re
import string
import warnings
from functools import cache
from typing import Any

from lmloop.core.extras import need

ARTICLES = re.compile(r"\b(a|an|the)\b")
ASCII = str.maketrans("", "", string.punctuation)
CHINESE_MARKS = (
    "！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿"
    "–—‘’‛“”„‟…‧﹏."
)
CHINESE = str.maketrans("", "", string.punctuation + CHINESE_MARKS)
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
WORD = re.compile(r"\w+")


def normal_english(text: str) -> str:
    """Lower the case and take away punctuation, articles and needless white space.

    Source: the evaluation script of SQuAD (Rajpurkar et al. 2016).
    """
    return " ".join(ARTICLES.sub(" ", text.lower().translate(ASCII)).split())


def normal_chinese(text: str) -> str:
    """Lower the case and take away Chinese and English punctuation and all white space.

    Source: LongBench (Bai et al. 2023).
    """
    return "".join(text.lower().translate(CHINESE).split())


def chinese_words(text: str) -> list[str]:
    """Cut a Chinese text into words, as jieba does by default: its dictionary, and a hidden Markov model beyond.

    Raises:
        ExtraMissing: jieba is not installed.
    """
    return list(_jieba().cut(text, cut_all=False))


def words(text: str) -> list[str]:
    """Cut any text into lower-case words without punctuation; Chinese by jieba, the rest by its letters and digits."""
    if not HAN.search(text):
        return WORD.findall(text.lower())
    return [word for piece in chinese_words(text.lower()) for word in WORD.findall(piece)]


@cache
def _jieba() -> Any:
    with warnings.catch_warnings():
        # the package's own source has escapes that Python no longer likes
        warnings.simplefilter("ignore")
        jieba = need("jieba", "evaluate")
    jieba.setLogLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jieba.initialize()
    return jieba
