"""One way to write each character: Unicode normalisation, line ends, and no invisible debris."""

from typing import ClassVar, Literal

import pyarrow.compute as pc

from lmloop.core.batch import Batch, with_text
from lmloop.core.op import Map

# controls other than tab and newline, the byte-order mark, and non-characters that broken tools leave
DEBRIS = "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x{84}\\x{86}-\\x{9f}\\x{feff}\\x{fffe}\\x{ffff}]"
TERMINAL = "\\x1b\\[[0-9;?]*[@-~]"  # colours and cursor movements
LINE_ENDS = "\\r\\n?|[\\x{85}\\x{2028}\\x{2029}]"


class Unicode(Map):
    """Normalise Unicode (``form``), make every line end a newline, and remove control characters.

    Colours and other sequences that were meant for a terminal go as a whole.

    ``form`` "NFC" composes accents and changes nothing that a reader sees; "NFKC" also makes full-width
    letters and ligatures plain, which changes Chinese punctuation.
    """

    version: ClassVar[int] = 2

    form: Literal["NFC", "NFKC", "NFD", "NFKD"] = "NFC"

    def change(self, batch: Batch) -> Batch:
        """Rewrite every text."""
        text = pc.replace_substring_regex(batch.column("text"), LINE_ENDS, "\n")
        text = pc.replace_substring_regex(text, f"{TERMINAL}|{DEBRIS}", "")
        return with_text(batch, pc.utf8_normalize(text, self.form))
