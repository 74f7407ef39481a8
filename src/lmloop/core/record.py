"""A record: the one row that every stage reads and writes.

It can be read in four ways, and nothing has to be converted between them:

=============  =========================  ==============================
reading        fields that are filled     who reads it
=============  =========================  ==============================
document       text                       curate, tokenizer, pretrain
reply          prompt, text               finetune, memory
preference     prompt, choices, answer    finetune, leaderboard
question       prompt, choices, answer    evaluate
=============  =========================  ==============================
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance of a conversation: who (``system``, ``user``, ``assistant``, ...) and what."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """A row of text with what comes before it and where it came from.

    ``id`` names the row; left empty, it is a digest of the content. ``answer`` is an index into
    ``choices``. ``meta`` holds JSON values and is no part of the content; its keys are written by
    readers (``source``, ``part``) and by ops, each under its own name.

    Raises:
        ValueError: ``answer`` is not an index into ``choices``.
    """

    text: str = ""
    prompt: tuple[Turn, ...] = ()
    choices: tuple[str, ...] = ()
    answer: int | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""

    def __post_init__(self) -> None:
        if self.answer is not None and not 0 <= self.answer < len(self.choices):
            raise ValueError(f"answer {self.answer} is not one of {len(self.choices)} choices")
        if not self.id:
            object.__setattr__(self, "id", content_id(self))


def content_id(record: Record) -> str:
    """Name a record by its content: 16 hexadecimal digits, the same on every machine."""
    turns = [[turn.role, turn.text] for turn in record.prompt]
    body = json.dumps([record.text, turns, record.choices, record.answer])
    return hashlib.blake2b(body.encode(), digest_size=8).hexdigest()
