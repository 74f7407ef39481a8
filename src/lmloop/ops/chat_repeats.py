"""Conversations whose reply says something that was not said before."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.turns import ASSISTANT, is_chat, replies_of, turns_of


class ChatRepeats(Filter):
    """Keep conversations whose reply is not a turn of the user's over again, nor one of the assistant's own.

    The second may be allowed with ``own_words``: some games and drills want the same answer twice. Case, punctuation
    and white space make no difference. Records without a prompt are documents, and left alone.
    """

    reasons: ClassVar[tuple[str, ...]] = ("echo", "said-before")

    own_words: bool = False

    def judge(self, batch: Batch) -> Verdict:
        """Compare the reply with every turn before it."""
        turns, reply = turns_of(batch), _bare(replies_of(batch))
        mine = reply.take(pa.array(turns.row))
        same = pc.and_(pc.equal(_bare(turns.text), mine), pc.not_equal(mine, "")).to_numpy(zero_copy_only=False)
        own = turns.role == ASSISTANT
        broken = [~is_chat(batch), turns.any(same & ~own), turns.any(same & own) & (not self.own_words)]
        return Verdict(np.select(broken, [0, 1, 2], 0).astype(np.uint8))


def _bare(texts: "pa.Array") -> "pa.Array":
    return pc.replace_substring_regex(pc.utf8_lower(texts), r"[\s\p{P}]+", "")
