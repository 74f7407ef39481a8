"""White space as one would type it: no spaces at line ends, no rows of blank lines."""

import pyarrow.compute as pc
from pydantic import NonNegativeInt

from lmloop.core.batch import Batch, with_text
from lmloop.core.op import Map

# all that looks like a space: no-break, en, em, thin, ideographic and others; and what is not seen at all
SPACES = r"[\x{a0}\x{1680}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]"
UNSEEN = r"[\x{200b}\x{2060}\x{ad}]"


class Whitespace(Map):
    """Make every kind of space a plain one, take spaces off the ends of lines, and leave ``blank_lines`` in a row.

    With ``runs`` several spaces or tabs inside a line become one; those that indent it stay. Spaces between Chinese
    characters, which broken line wrapping leaves, go with ``between_han``. Text has no white space at its ends then.

    Source: as whitespace_normalization of data-juicer (Chen et al. 2024), which only replaces; the rest is ours.
    """

    blank_lines: NonNegativeInt = 1
    runs: bool = True
    between_han: bool = False

    def change(self, batch: Batch) -> Batch:
        """Rewrite every text."""
        text = pc.replace_substring_regex(batch.column("text"), SPACES, " ")
        text = pc.replace_substring_regex(text, UNSEEN, "")
        text = pc.replace_substring_regex(text, r"[ \t]+(\n|\z)", r"\1")
        if self.runs:
            text = pc.replace_substring_regex(text, r"([^\s])[ \t]{2,}", r"\1 ")
        if self.between_han:
            for _ in range(2):  # a character between two spaces belongs to both
                text = pc.replace_substring_regex(text, r"(\p{Han})[ \t]+(\p{Han})", r"\1\2")
        most = "\n" * (self.blank_lines + 1)
        text = pc.replace_substring_regex(text, f"\n{{{len(most)},}}", most)
        return with_text(batch, pc.utf8_trim_whitespace(text))
