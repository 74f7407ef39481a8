"""Keep one of any conversations that are the same, question and reply."""

from typing import ClassVar

import numpy as np
import pyarrow as pa

from lmloop.core.batch import Batch
from lmloop.core.op import Numbers
from lmloop.kernels.copies import Copies, content_keys, ranks
from lmloop.kernels.hashing import hash128
from lmloop.kernels.normal import normal_form
from lmloop.kernels.text import text_buffer

TURN, PART = "\x1e\n", "\x1f\n"  # no text that went through the op ``unicode`` holds one


class ChatExact(Copies):
    """Keep one of any conversations with the same turns and the same reply, by a 128-bit hash.

    The op ``exact`` looks at replies alone, and would take all that end in "OK" for one. With ``loose``, conversations
    are the same that differ only in case, accents, digits, punctuation and white space; with ``prompt_only``, those
    with the same turns, whatever the reply: one answer to each question stays. Records without a prompt are compared
    by their text.
    """

    reasons: ClassVar[tuple[str, ...]] = ("same-conversation",)

    loose: bool = False
    prompt_only: bool = False

    def map(self, batch: Batch, numbers: Numbers) -> pa.Table:
        """Key each row by the hash of its turns and its reply."""
        columns = zip(batch.column("prompt").to_pylist(), batch.column("text").to_pylist(), strict=True)
        texts = [self._whole(turns or [], reply or "") for turns, reply in columns]
        buffer = text_buffer(pa.array(texts, pa.string()))
        hashes = hash128(normal_form(buffer) if self.loose else buffer)
        return content_keys(hashes, numbers, ranks(batch, self.keep), np.ones(len(numbers), np.bool_))

    def _whole(self, turns: list[dict[str, str | None]], reply: str) -> str:
        said = [f"{turn['role']}{PART}{turn['text'] or ''}" for turn in turns]
        return TURN.join(said if said and self.prompt_only else [*said, reply])
