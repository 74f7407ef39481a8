"""Conversations in order: roles that alternate, no empty or repeated turns, lengths within limits."""

from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import NonNegativeInt

from lmloop.core.batch import SCHEMA, Batch
from lmloop.core.op import Filter, Verdict

ROLES = pa.array(["user", "assistant", "system", "tool"])
USER, ASSISTANT, SYSTEM, TOOL = range(4)
PLACE = SCHEMA.get_field_index("prompt")


class Chat(Filter):
    """Keep conversations that a model can be trained on; records without a prompt are left alone.

    First turns go that are empty, or the same as the one before by the same role. Then there must be from ``min_turns``
    to ``max_turns`` turns, the reply not among them; with ``alternate``, an optional system turn, then user and
    assistant by turns (a tool may speak where an assistant has), the last being the user's; at most ``max_turn``
    characters a turn and ``max_characters`` in all; and a reply of at least ``min_reply`` characters that is not the
    last turn over again.
    """

    reasons: ClassVar[tuple[str, ...]] = (
        *("few-turns", "many-turns", "unknown-role", "role-order", "long-turn", "long", "short-reply", "echo"),
    )
    rewrites: ClassVar[bool] = True

    min_turns: NonNegativeInt = 1
    max_turns: NonNegativeInt = 200
    alternate: bool = True
    max_turn: NonNegativeInt = 100_000
    max_characters: NonNegativeInt = 1_000_000
    min_reply: NonNegativeInt = 1

    def judge(self, batch: Batch) -> Verdict:
        """Clean the turns of each conversation, and judge what is left."""
        prompt = batch.column(PLACE)
        turns = _cleaned(_Turns.of(prompt))
        rows = batch.num_rows
        count, size = turns.number(rows), _length(turns.text)
        reply = pc.utf8_trim_whitespace(pc.fill_null(batch.column("text"), ""))
        total = np.bincount(turns.row, size, rows).astype(np.int64) + _length(reply)
        longest = np.zeros(rows, np.int64)
        np.maximum.at(longest, turns.row, size)
        broken = [
            count < self.min_turns,
            count > self.max_turns,
            turns.any(turns.role < 0, rows),
            turns.any(_misplaced(turns, rows), rows) & self.alternate,
            longest > self.max_turn,
            total > self.max_characters,
            _length(reply) < self.min_reply,
            _echoes(turns, reply, rows),
        ]
        codes = np.select(broken, range(1, len(broken) + 1), 0).astype(np.uint8)
        codes[pc.fill_null(pc.list_value_length(prompt), 0).to_numpy(zero_copy_only=False) == 0] = 0
        stats = {"turns": count, "characters": total, "turn": longest, "reply": _length(reply)}
        return Verdict(codes, stats, batch.set_column(PLACE, SCHEMA.field(PLACE), turns.column(rows)))


class _Turns(NamedTuple):
    """All turns of a batch: each one's row, its role as a number (-1: unknown), and what it is made of."""

    row: npt.NDArray[np.int64]
    role: npt.NDArray[np.int64]
    text: Any
    turn: Any

    @classmethod
    def of(cls, prompt: Any) -> "_Turns":
        turn = pc.list_flatten(prompt)
        row = pc.list_parent_indices(prompt).to_numpy().astype(np.int64)
        role = pc.fill_null(pc.index_in(turn.field("role"), ROLES), -1).to_numpy().astype(np.int64)
        return cls(row, role, pc.utf8_trim_whitespace(pc.fill_null(turn.field("text"), "")), turn)

    def number(self, rows: int) -> npt.NDArray[np.int64]:
        return np.bincount(self.row, minlength=rows)

    def any(self, marks: npt.NDArray[np.bool_], rows: int) -> npt.NDArray[np.bool_]:
        """Say of each row whether a turn of it is marked."""
        return np.bincount(self.row[marks], minlength=rows) > 0

    def column(self, rows: int) -> Any:
        """Put the turns back into lists."""
        offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(self.number(rows), dtype=np.int32)])
        return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), self.turn).cast(SCHEMA.field(PLACE).type)


def _cleaned(turns: _Turns) -> _Turns:
    """Leave out empty turns, and then those that repeat the one before."""
    turns = _filtered(turns, _length(turns.text) > 0)
    again = np.zeros(len(turns.row), np.bool_)
    same = pc.equal(turns.text[1:], turns.text[:-1]).to_numpy(zero_copy_only=False) if len(turns.row) else again
    again[1:] = same & (turns.row[1:] == turns.row[:-1]) & (turns.role[1:] == turns.role[:-1])
    return _filtered(turns, ~again)


def _filtered(turns: _Turns, keep: npt.NDArray[np.bool_]) -> _Turns:
    mask = pa.array(keep)
    return _Turns(turns.row[keep], turns.role[keep], turns.text.filter(mask), turns.turn.filter(mask))


def _misplaced(turns: _Turns, rows: int) -> npt.NDArray[np.bool_]:
    """Say of each turn whether it stands where its role must not."""
    count = turns.number(rows)
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
    ends_well = np.isin(turns.role, (USER, TOOL, -1))
    return np.asarray(~allowed | (last & ~ends_well))


def _echoes(turns: _Turns, reply: Any, rows: int) -> npt.NDArray[np.bool_]:
    """Say of each row whether its reply is the last turn over again."""
    count = turns.number(rows)
    last = np.cumsum(count) - 1
    some = np.flatnonzero(count > 0)
    found = np.zeros(rows, np.bool_)
    same = pc.equal(turns.text.take(pa.array(last[some])), reply.take(pa.array(some)))
    found[some] = same.to_numpy(zero_copy_only=False)
    return found


def _length(texts: Any) -> npt.NDArray[np.int64]:
    return np.asarray(pc.utf8_length(texts).to_numpy(zero_copy_only=False), np.int64)
