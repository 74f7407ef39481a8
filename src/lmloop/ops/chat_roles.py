"""Conversations in which everyone speaks in turn."""

from typing import ClassVar

import numpy as np

from lmloop.core.batch import Batch
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.turns import SYSTEM, is_chat, misplaced, turns_of


class ChatRoles(Filter):
    """Keep conversations whose roles are known (user, assistant, system, tool) and come in order.

    With ``alternate``, after an optional system turn user and assistant speak by turns, a tool only where an assistant
    has, and the last to speak is the user (or a tool), whom the reply answers. Without ``system`` a conversation that
    has a system turn goes. Records without a prompt are documents, and left alone.
    """

    reasons: ClassVar[tuple[str, ...]] = ("unknown-role", "system-turn", "role-order")

    alternate: bool = True
    system: bool = True

    def judge(self, batch: Batch) -> Verdict:
        """Look at who speaks when."""
        turns = turns_of(batch)
        broken = [
            ~is_chat(batch),
            turns.any(turns.role < 0),
            turns.any(turns.role == SYSTEM) & (not self.system),
            turns.any(misplaced(turns)) & self.alternate,
        ]
        return Verdict(np.select(broken, [0, 1, 2, 3], 0).astype(np.uint8))
