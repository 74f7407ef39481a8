"""Documents that match a pattern, or do not."""

from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, PositiveInt, field_validator

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict


class Regex(Filter):
    """Drop documents in which the ``patterns`` match at least ``matches`` times; or with ``action`` "keep", the others.

    Patterns are regular expressions of RE2 (no look-around, no back references; never slow); "(?i)" before one makes
    case indifferent.

    Source: as the regex filter of datatrove (Penedo et al. 2024).
    """

    reasons: ClassVar[tuple[str, ...]] = ("matches", "no-match")

    patterns: list[str] = Field(min_length=1)
    action: Literal["drop", "keep"] = "drop"
    matches: PositiveInt = 1

    @classmethod
    def example(cls) -> Self:
        """Give one that finds two words."""
        return cls(patterns=["(?i)lorem", "重复"])

    @field_validator("patterns")
    @classmethod
    def _compile(cls, patterns: list[str]) -> list[str]:
        for pattern in patterns:
            check_pattern(pattern)
        return patterns

    def judge(self, batch: Batch) -> Verdict:
        """Count the matches in each document."""
        texts = pc.fill_null(batch.column("text"), "")
        counts: Any = sum(
            pc.count_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(np.int64)
            for pattern in self.patterns
        )
        many = counts >= self.matches
        codes = np.where(many, 1, 0) if self.action == "drop" else np.where(many, 0, 2)
        return Verdict(codes.astype(np.uint8), {"matches": counts})


def check_pattern(pattern: str) -> None:
    """Raise a ValueError, with what RE2 says, where a pattern cannot be compiled."""
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as bad:
        raise ValueError(f"{pattern!r} is no pattern: {str(bad).rpartition(': ')[2]}") from None
