"""Conversations without empty or repeated turns, and with as many as wanted."""

from typing import ClassVar

import numpy as np
import pyarrow.compute as pc
from pydantic import NonNegativeInt

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.turns import Turns, is_chat, lengths, turns_of


class ChatTurns(Filter):
    """Leave out turns that are empty, or the same as the one before by the same role; then count those that are left.

    Conversations go that have fewer than ``min_turns`` or more than ``max_turns``, the reply not among them. Records
    without a prompt are documents, and left alone.
    """

    reasons: ClassVar[tuple[str, ...]] = ("few-turns", "many-turns")
    rewrites: ClassVar[bool] = True

    min_turns: NonNegativeInt = 1
    max_turns: NonNegativeInt = 200

    def judge(self, batch: Batch) -> Verdict:
        """Clean the turns of each conversation, and count them."""
        turns = _cleaned(turns_of(batch))
        count = turns.number()
        broken = [~is_chat(batch), count < self.min_turns, count > self.max_turns]
        return Verdict(np.select(broken, [0, 1, 2], 0).astype(np.uint8), {"turns": count}, turns.put_back(batch))


def _cleaned(turns: Turns) -> Turns:
    turns = turns.keep(lengths(turns.text) > 0)
    again = np.zeros(len(turns.row), np.bool_)
    if len(again):
        same = pc.equal(turns.text[1:], turns.text[:-1]).to_numpy(zero_copy_only=False)
        again[1:] = same & (turns.row[1:] == turns.row[:-1]) & (turns.role[1:] == turns.role[:-1])
    return turns.keep(~again)
