"""Shares of letters, capitals, numbers, punctuation, symbols and white space, within limits."""

from typing import ClassVar

import numpy as np

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.census import character_shares
from lmloop.kernels.text import text_buffer


class Characters(Filter):
    """Keep texts whose characters are of each class within limits; what is not set keeps everything.

    At least ``min_letters`` of the characters are letters (of any script; CJK characters are letters); at most
    ``max_capitals`` capitals, ``max_numbers`` numbers, ``max_punctuation`` punctuation, ``max_symbols`` symbols,
    ``max_space`` white space, and ``max_others`` controls, private and unassigned characters; and at least
    ``min_ascii`` ASCII. All shares are kept as statistics, so that limits can be taken from their histograms.

    Source: the classes are Unicode's general categories; limits of this kind in NeMo Curator (numbers 0.15, white space
    0.25, symbols and punctuation 0.25), where CJK characters have none of their own.
    """

    reasons: ClassVar[tuple[str, ...]] = (
        *("few-letters", "little-ascii", "capitals", "numbers", "punctuation", "symbols", "space", "others"),
    )

    min_letters: float = 0.0
    min_ascii: float = 0.0
    max_capitals: float = 1.0
    max_numbers: float = 1.0
    max_punctuation: float = 1.0
    max_symbols: float = 1.0
    max_space: float = 1.0
    max_others: float = 1.0

    def judge(self, batch: Batch) -> Verdict:
        """Count the characters of each class."""
        shares = character_shares(text_buffer(batch.column("text")))
        broken = [shares.letters < self.min_letters, shares.ascii < self.min_ascii]
        broken += [getattr(shares, name) > getattr(self, f"max_{name}") for name in self.reasons[2:]]
        return Verdict(np.select(broken, range(1, len(broken) + 1), 0).astype(np.uint8), shares._asdict())
