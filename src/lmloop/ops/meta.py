"""Records by what their meta says: a value from a list, or within a range."""

import math
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from lmloop.core.batch import Batch, meta_values
from lmloop.core.op import Filter, Verdict


class Meta(Filter):
    """Keep records by the value of ``key`` in their meta.

    A value must be one of ``keep`` and none of ``drop`` (empty: any), end in one of ``endings`` (".md" of a source
    file's name; empty: any), and as a number lie between ``min_value`` and ``max_value``. Where no limit is set, a
    value need not be a number. Records without the key stay unless ``required``.

    Source: as the filters specified_field, specified_numeric_field and suffix of data-juicer (Chen et al. 2024).
    """

    reasons: ClassVar[tuple[str, ...]] = ("missing", "unwanted", "ending", "no-number", "low", "high")

    key: str = "source"
    keep: list[str] = []
    drop: list[str] = []
    endings: list[str] = []
    min_value: float | None = None
    max_value: float | None = None
    required: bool = False

    def judge(self, batch: Batch) -> Verdict:
        """Look at the value of each record."""
        values = meta_values(batch, self.key)
        codes = [self._code(value) for value in values]
        texts = [None if value is None else _plain(value) for value in values]
        return Verdict(np.array(codes, np.uint8), {"value": pa.array(texts, pa.string())})

    def _code(self, value: Any) -> int:
        if value is None:
            return int(self.required)
        text = _plain(value)
        if (self.keep and text not in self.keep) or text in self.drop:
            return 2
        if self.endings and not text.endswith(tuple(self.endings)):
            return 3
        return 0 if self.min_value is None and self.max_value is None else self._range_code(value)

    def _range_code(self, value: Any) -> int:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isnan(number):
            return 4
        if self.min_value is not None and number < self.min_value:
            return 5
        return 6 if self.max_value is not None and number > self.max_value else 0


def _plain(value: Any) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else str(value)
