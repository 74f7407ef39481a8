"""The turns of conversations, all of a batch side by side."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import SCHEMA, Batch
from lmloop.kernels.text import Integers

ROLES = pa.array(["user", "assistant", "system", "tool"])
USER, ASSISTANT, SYSTEM, TOOL = range(4)
PLACE = SCHEMA.get_field_index("prompt")

Marks = npt.NDArray[np.bool_]


class Turns(NamedTuple):
    """All turns of a batch.

    Each one's ``row`` (int64), its ``role`` as a number (int64; -1: unknown), its ``text`` without white space at the
    ends, and the ``turn`` itself; Arrow arrays. ``rows`` is how many rows there are.
    """

    row: Integers
    role: Integers
    text: Any
    turn: Any
    rows: int

    def number(self) -> Integers:
        """Count the turns of each row."""
        return np.bincount(self.row, minlength=self.rows)

    def any(self, marks: Marks) -> Marks:
        """Say of each row whether a turn of it is marked."""
        return np.asarray(np.bincount(self.row[marks], minlength=self.rows) > 0)

    def keep(self, marks: Marks) -> "Turns":
        """Leave out the turns that are not marked."""
        mask = pa.array(marks)
        return Turns(self.row[marks], self.role[marks], self.text.filter(mask), self.turn.filter(mask), self.rows)

    def put_back(self, batch: Batch) -> Batch:
        """Make these the prompts of a batch."""
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.number())]).astype(np.int32)
        column = pa.ListArray.from_arrays(pa.array(offsets), self.turn).cast(SCHEMA.field(PLACE).type)
        return batch.set_column(PLACE, SCHEMA.field(PLACE), column)


def turns_of(batch: Batch) -> Turns:
    """Lay out the turns of a batch's prompts."""
    prompt = batch.column(PLACE)
    turn = pc.list_flatten(prompt)
    row = pc.list_parent_indices(prompt).to_numpy().astype(np.int64)
    role = pc.fill_null(pc.index_in(turn.field("role"), ROLES), -1).to_numpy().astype(np.int64)
    return Turns(row, role, pc.utf8_trim_whitespace(pc.fill_null(turn.field("text"), "")), turn, batch.num_rows)


def replies_of(batch: Batch) -> Any:
    """Give each row's reply, the text, without white space at its ends."""
    return pc.utf8_trim_whitespace(pc.fill_null(batch.column("text"), ""))


def is_chat(batch: Batch) -> Marks:
    """Say of each row whether it has a prompt, so that it is a conversation and no document."""
    return np.asarray(pc.fill_null(pc.list_value_length(batch.column(PLACE)), 0).to_numpy(zero_copy_only=False) > 0)


def lengths(texts: Any) -> Integers:
    """Count the code points of each text."""
    return np.asarray(pc.utf8_length(texts).to_numpy(zero_copy_only=False), np.int64)


def misplaced(turns: Turns) -> Marks:
    """Say of each turn whether it stands where its role must not, or is the last and not one to reply to.

    A system turn comes first if at all; then user and assistant by turns; a tool speaks behind the assistant or another
    tool, and the assistant may speak again behind it. What to reply to is a user's turn or a tool's.
    """
    count = turns.number()
    place = np.arange(len(turns.row)) - (np.cumsum(count) - count)[turns.row]
    before = np.append(-1, turns.role[:-1])[: len(turns.row)]
    opens = (place == 0) | ((place == 1) & (before == SYSTEM))
    follows = {
        USER: opens | (before == ASSISTANT),
        ASSISTANT: ~opens & ((before == USER) | (before == TOOL)),
        SYSTEM: place == 0,
        TOOL: ~opens & ((before == ASSISTANT) | (before == TOOL)),
    }
    allowed = np.select([turns.role == role for role in follows], list(follows.values()), True)
    last = place == count[turns.row] - 1
    return np.asarray(~allowed | (last & ~np.isin(turns.role, (USER, TOOL, -1))))
