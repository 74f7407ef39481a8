"""Conversations in the usual shapes: OpenAI messages, ShareGPT, Alpaca, and pairs of question and answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from lmloop.core.record import Turn
from lmloop.formats.turns import read_turns

Shape: TypeAlias = Literal["messages", "sharegpt", "alpaca"]
LISTS: Mapping[str, tuple[str, ...]] = {"messages": ("messages",), "sharegpt": ("conversations", "conversation")}
REPLY = ("output", "response", "completion")


@dataclass(frozen=True, slots=True)
class Said:
    """What came before, and the reply."""

    prompt: tuple[Turn, ...]
    text: str


def shape_of(row: Mapping[str, Any]) -> Shape | None:
    """Tell a row's shape by the names of its fields; None if it is no conversation."""
    if isinstance(row.get("messages"), list):
        return "messages"
    if isinstance(row.get("conversations"), list) or isinstance(row.get("conversation"), list):
        return "sharegpt"
    return "alpaca" if "instruction" in row and any(name in row for name in REPLY) else None


def read_chat(row: dict[str, Any], shape: Shape, every: bool = False) -> Iterator[Said]:
    """Read a conversation, whose fields are taken out of the row.

    The reply is the last thing that the assistant says; with ``every`` each is one, with all that came before.

    Raises:
        ValueError: it is none, or nobody replies.
    """
    turns = _alpaca(row) if shape == "alpaca" else _listed(row, shape)
    replies = [place for place, turn in enumerate(turns) if turn.role == "assistant" and turn.text.strip()]
    if not replies:
        raise ValueError("nobody replies")
    for place in replies if every else replies[-1:]:
        yield Said(turns[:place], turns[place].text)


def _listed(row: dict[str, Any], shape: Shape) -> tuple[Turn, ...]:
    name = next((name for name in LISTS[shape] if name in row), None)
    if name is None:
        raise ValueError(f"no field {' or '.join(map(repr, LISTS[shape]))}")
    turns = read_turns(row.pop(name))
    system = row.get("system") or row.get("system_prompt")
    if isinstance(system, str) and not any(turn.role == "system" for turn in turns):
        turns = (Turn("system", system), *turns)
        row.pop("system", row.pop("system_prompt", None))
    return turns


def _alpaca(row: dict[str, Any]) -> tuple[Turn, ...]:
    """Read an instruction, with what it is about, and the pairs that came before (Taori et al. 2023)."""
    reply = next((row.pop(name) for name in REPLY if name in row), None)
    asked = "\n".join(part for part in (row.pop("instruction", ""), row.pop("input", "")) if part)
    if not isinstance(reply, str) or not asked:
        raise ValueError("an instruction and a reply are two texts")
    before = [Turn("system", row.pop("system"))] if row.get("system") else []
    for pair in row.pop("history", None) or ():
        question, answer = pair
        before += [Turn("user", str(question)), Turn("assistant", str(answer))]
    return (*before, Turn("user", asked), Turn("assistant", reply))
