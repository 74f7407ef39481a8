"""Chat templates: how a conversation becomes the one text that a model reads, and which parts of it the model says.

A template is Jinja's, as Hugging Face's tokenizers have one: in ``chat_template.jinja``, or in
``tokenizer_config.json`` under ``chat_template``. It is rendered in Jinja's sandbox: it comes with a model, and may be
anybody's.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lmloop.core.errors import DataError
from lmloop.core.record import Turn
from lmloop.kernels.tokenizing import CONFIG, TEMPLATE

ASSISTANT = "assistant"
OPEN, CLOSE = "\ufdd0", "\ufdd1"
"""Code points that Unicode keeps for use inside a program: no text may hold them."""
SPECIALS = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token")

Span = tuple[int, int]
"""Where a stretch of a text begins and ends, in characters."""


def prompted(turns: Sequence[Turn], write: Callable[[Sequence[Turn]], str]) -> str:
    """Write a conversation by a template; where that refuses a system turn, its text goes with the turn behind it.

    Raises:
        DataError: the template refuses the conversation.
    """
    try:
        return write(turns)
    except DataError:
        if len(turns) < 2 or turns[0].role != "system":
            raise
    return write([Turn(turns[1].role, f"{turns[0].text}\n\n{turns[1].text}"), *turns[2:]])


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as one text, and what of it the assistant says: a span for each turn that could be told apart."""

    text: str
    spoken: tuple[Span, ...]


@dataclass(frozen=True)
class Template:
    """A chat template, and the names of special tokens that it may ask for."""

    source: str
    specials: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "Template | None":
        """Read the template of a tokenizer's folder; None if it has none.

        Raises:
            DataError: the template or the configuration is damaged.
        """
        try:
            config = json.loads((folder / CONFIG).read_text("utf-8")) if (folder / CONFIG).is_file() else {}
            file = folder / TEMPLATE
            source = file.read_text("utf-8") if file.is_file() else _default(config.get("chat_template"))
            values = {name: config.get(name) for name in SPECIALS}
            texts = {name: value["content"] if isinstance(value, Mapping) else value for name, value in values.items()}
        except (OSError, ValueError, AttributeError, KeyError, TypeError) as bad:
            raise DataError(f"the chat template in {folder} cannot be read: {bad}") from None
        return cls(source, {name: text for name, text in texts.items() if text}) if source else None

    def render(self, turns: Sequence[Turn], asks: bool = False) -> str:
        """Write a conversation; one that ``asks`` ends where the assistant's reply begins.

        Raises:
            DataError: the template refuses it, or is no template.
        """
        return self._marked(turns, asks).replace(OPEN, "").replace(CLOSE, "")

    def with_spans(self, turns: Sequence[Turn]) -> Rendered:
        """Write a conversation, and tell what the assistant says in it.

        A template that marks it (``{% generation %}``) is believed. Else a turn is what the text grows by behind the
        point where a reply is asked for; a template that changes earlier turns as the conversation goes on has only
        those spans where it does not.

        Raises:
            DataError: the template refuses the conversation.
        """
        if self._marks:
            return _unmarked(self._marked(turns, False))
        text = self.render(turns)
        found = []
        for place, turn in enumerate(turns):
            if turn.role != ASSISTANT:
                continue
            before = self.render(turns[:place], asks=True)
            after = text if place == len(turns) - 1 else self.render(turns[: place + 1])
            if text.startswith(before) and text.startswith(after) and len(before) < len(after):
                found.append((len(before), len(after)))
        return Rendered(text, tuple(found))

    @property
    def _marks(self) -> bool:
        return "generation" in self.source and any(
            f"{{%{dash}{space}generation" in self.source for dash in ("", "-") for space in ("", " ")
        )

    def _marked(self, turns: Sequence[Turn], asks: bool) -> str:
        if any(OPEN in turn.text or CLOSE in turn.text for turn in turns):
            raise DataError("a turn holds a code point that no text may hold (U+FDD0 or U+FDD1)")
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        compiled = self._compiled
        try:
            text: str = compiled.render(messages=messages, add_generation_prompt=asks, **self.specials)
        except Exception as bad:  # a template is anybody's, and may raise anything
            raise DataError(f"the chat template refuses a conversation: {bad}") from None
        return text

    @cached_property
    def _compiled(self) -> Any:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
        )
        environment.filters["tojson"] = _json
        environment.globals.update(raise_exception=_refuse, strftime_now=_now)
        try:
            return environment.from_string(self.source)
        except TemplateSyntaxError as bad:
            raise DataError(f"the chat template is no Jinja template: {bad}") from None


class _Generation(Extension):
    """``{% generation %}...{% endgeneration %}``: around what the assistant says."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node:
        """Read the block."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("mark"), [], [], body).set_lineno(line)

    def mark(self, caller: Callable[[], str]) -> str:
        """Put marks around the block."""
        return f"{OPEN}{caller()}{CLOSE}"


def _unmarked(text: str) -> Rendered:
    """Take the marks out, and note where they stood."""
    pieces: list[str] = []
    spans: list[Span] = []
    length = 0
    for number, stretch in enumerate(text.split(OPEN)):
        spoken, _, rest = stretch.partition(CLOSE) if number else ("", "", stretch)
        if number:
            spans.append((length, length + len(spoken)))
        pieces += (spoken, rest)
        length += len(spoken) + len(rest)
    return Rendered("".join(pieces), tuple(span for span in spans if span[0] < span[1]))


def _default(found: Any) -> str:
    """Take the template, or of several the one that is called default."""
    if isinstance(found, list):
        named = {each["name"]: each["template"] for each in found}
        found = named.get("default") or next(iter(named.values()), "")
    return str(found or "")


def _json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **rest: Any) -> str:
    # Jinja's own filter escapes what HTML would read
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **rest)


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _now(pattern: str) -> str:
    return datetime.now().strftime(pattern)
