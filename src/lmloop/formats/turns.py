"""Turns of a conversation, as the usual chat formats write them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lmloop.core.record import Turn

ROLES: Mapping[str, str] = {
    "human": "user",
    "prompter": "user",
    "question": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "answer": "assistant",
    "developer": "system",
    "function": "tool",
    "observation": "tool",
    "function_call": "assistant",
}
"""What others call user, assistant, system and tool."""

WHO = ("role", "from", "speaker", "author")
WHAT = ("text", "content", "value")


def read_turns(value: Any) -> tuple[Turn, ...]:
    """Read a prompt: a text is what a user says; a list has one turn an item.

    Raises:
        ValueError: it is neither.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return (Turn("user", value),) if value else ()
    if not isinstance(value, Sequence) or isinstance(value, bytes):
        raise ValueError(f"a prompt is a text or a list of turns, not {type(value).__name__}")
    return tuple(_turn(item) for item in value)


def _turn(item: Any) -> Turn:
    if not isinstance(item, Mapping):
        raise ValueError(f"a turn is an object with a role and a text, not {type(item).__name__}")
    who = next((item[name] for name in WHO if name in item), None)
    what = next((item[name] for name in WHAT if item.get(name) is not None), None)
    if what is None and item.get("tool_calls"):
        what = json.dumps(item["tool_calls"], ensure_ascii=False)
    if not isinstance(who, str):
        raise ValueError("a turn without a role")
    return Turn(ROLES.get(who.lower(), who.lower()), _said(what))


def _said(what: Any) -> str:
    """Read what a turn says: a text, or a list of parts of which those that are text count."""
    if what is None:
        return ""
    if isinstance(what, str):
        return what
    if isinstance(what, list) and all(isinstance(part, Mapping) for part in what):
        other = next((part.get("type") for part in what if not isinstance(part.get("text"), str)), None)
        if other is not None:
            raise ValueError(f"a part that is no text: {other}")
        return "".join(str(part["text"]) for part in what)
    raise ValueError(f"a turn says a text, not {type(what).__name__}")
