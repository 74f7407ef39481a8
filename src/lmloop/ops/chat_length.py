"""Conversations whose turns and replies are neither too short nor too long."""

from typing import ClassVar

import numpy as np
from pydantic import NonNegativeInt

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.turns import is_chat, lengths, replies_of, turns_of


class ChatLength(Filter):
    """Keep conversations of at most ``max_turn`` characters a turn and ``max_characters`` in all, the reply among them.

    The reply has ``min_reply`` to ``max_reply`` characters. White space at the ends does not count. Records without a
    prompt are documents, and left alone.
    """

    reasons: ClassVar[tuple[str, ...]] = ("long-turn", "long", "short-reply", "long-reply")

    max_turn: NonNegativeInt = 100_000
    max_characters: NonNegativeInt = 1_000_000
    min_reply: NonNegativeInt = 1
    max_reply: NonNegativeInt = 100_000

    def judge(self, batch: Batch) -> Verdict:
        """Measure the turns and the reply of each conversation."""
        turns, reply = turns_of(batch), lengths(replies_of(batch))
        size = lengths(turns.text)
        longest = np.zeros(batch.num_rows, np.int64)
        np.maximum.at(longest, turns.row, size)
        total = np.bincount(turns.row, size, batch.num_rows).astype(np.int64) + reply
        broken = [
            ~is_chat(batch),
            longest > self.max_turn,
            total > self.max_characters,
            reply < self.min_reply,
            reply > self.max_reply,
        ]
        codes = np.select(broken, range(len(broken)), 0).astype(np.uint8)
        return Verdict(codes, {"characters": total, "turn": longest, "reply": reply})
