"""Conversations in the usual chat formats, to be learned from."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from lmloop.core.batch import Batch
from lmloop.core.reader import Reject, Source
from lmloop.formats.chats import read_chat, shape_of
from lmloop.formats.fields import RowReader, Rows
from lmloop.formats.json_rows import FORMATS, can_be_cut, json_rows
from lmloop.formats.lines import cut_lines


class Chat(RowReader):
    """Read conversations from JSON and JSON Lines files: what came before the reply is the prompt, the reply the text.

    ``shape`` is how a conversation is written: OpenAI's ``messages`` (role, content), ``sharegpt`` (conversations of
    from, value), ``alpaca`` (instruction, input, output, history), or found out for each. ``replies = "last"`` makes
    one record of a conversation; ``all`` makes one of each reply in it. One without a reply is rejected.
    """

    formats: ClassVar[tuple[str, ...]] = ()

    shape: Literal["auto", "messages", "sharegpt", "alpaca"] = "auto"
    replies: Literal["last", "all"] = "last"

    def looked_for(self) -> list[str]:
        """List the endings of the files to look for in a folder."""
        return self.packed(FORMATS)

    def cut(self, source: Source, size: int) -> Iterator[Source]:
        """Cut a large plain file of lines into pieces that end with a line."""
        if can_be_cut(self, source):
            yield from cut_lines(source, size)
        else:
            yield source

    def batches(self, source: Source, made: Rows) -> "Iterator[Batch | Reject]":
        """Give the conversations of a file."""
        for value, number, size in json_rows(self, source):
            place = f"{source.name}:{number}"
            if isinstance(value, Reject):
                yield from made.reject(value)
                continue
            shape = shape_of(value) if self.shape == "auto" else self.shape
            if shape is None:
                fields = ", ".join(map(str, value))[:200]
                yield from made.reject(Reject(place, "no conversation", f"it has the fields {fields}"))
                continue
            try:
                said = list(read_chat(value, shape, self.replies == "all"))
            except (ValueError, TypeError, AttributeError) as bad:
                yield from made.reject(Reject(place, "not a record", f"{bad}"[:200], made.show(value)))
                continue
            for part, each in enumerate(said):
                row = {**value, self.text: each.text, self.prompt: each.prompt}
                yield from made.add(row, (number << 12) + part, f"{place}" + (f"#{part + 1}" if part else ""), size)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give one conversation of each shape."""
        messages = '[{"role": "user", "content": "问？"}, {"role": "assistant", "content": "答。"}]'
        return {
            "m.jsonl": f'{{"messages": {messages}}}'.encode(),
            "s.json": b'[{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]}]',
            "a.json": b'[{"instruction": "Add.", "input": "1, 2", "output": "3"}]',
        }
