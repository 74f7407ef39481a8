"""Text that matches a pattern, replaced or removed."""

from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from lmloop.core.batch import Batch, with_text
from lmloop.core.op import Map


class Replace(Map):
    r"""Replace what matches each of the ``patterns`` by what stands behind it: a table from pattern to replacement.

    Patterns are regular expressions of RE2 (no look-around, no back references; never slow), applied in order; "\1" in
    a replacement is what the first group matched, and an empty one removes. Some that are often wanted:

    * ``https?://\S+`` links, ``<[^>]{1,1000}>`` tags, ``\S{50,}`` very long words;
    * ``[^\p{Han}\s\p{P}]+`` all that is not Chinese;
    * ``(?m)^\s*%.*\n`` comments of LaTeX, ``(?s)\\begin\{thebibliography\}.*\z`` its bibliography,
      ``(?s)\A.*\\begin\{document\}`` its head;
    * ``(?s)\A\s*/\*.*?(?:copyright|licen[cs]e).*?\*/\s*`` the notice at the head of a source file.

    Source: as the mappers of data-juicer (Chen et al. 2024) that clean by a pattern.
    """

    patterns: dict[str, str] = Field(min_length=1)

    @classmethod
    def example(cls) -> Self:
        """Give one that removes links, and marks numbers."""
        return cls(patterns={r"https?://\S+": "", r"(\d+)": r"<\1>"})

    @field_validator("patterns")
    @classmethod
    def _compile(cls, patterns: dict[str, str]) -> dict[str, str]:
        for pattern, replacement in patterns.items():
            try:
                pc.replace_substring_regex(pa.array([""]), pattern, replacement)
            except pa.ArrowInvalid as bad:
                raise ValueError(f"{pattern!r}: {str(bad).rpartition(': ')[2]}") from None
        return patterns

    def change(self, batch: Batch) -> Batch:
        """Rewrite every text."""
        text = batch.column("text")
        for pattern, replacement in self.patterns.items():
            text = pc.replace_substring_regex(text, pattern, replacement)
        return with_text(batch, text)
