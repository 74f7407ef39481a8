"""What a client wishes, read from the body of its request and checked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmloop.core.model import Prompt, Sampling, text_prompt
from lmloop.core.record import Turn
from lmloop.serving.http import HttpError

MOST_REPLIES = 128


@dataclass(frozen=True, slots=True)
class Wish:
    """What one request asks for, of each of its prompts.

    ``replies`` is how many to write; ``echo`` whether to repeat the prompt; ``logprobs`` whether to tell the
    probabilities of the tokens, ``prompt_logprobs`` those of the prompt; ``begun`` is the part of the reply that the
    client has written already.
    """

    prompts: tuple[Prompt, ...]
    sampling: Sampling
    replies: int = 1
    stream: bool = False
    usage: bool = False
    echo: bool = False
    logprobs: bool = False
    prompt_logprobs: bool = False
    begun: str | None = None


def read_body(body: bytes) -> dict[str, Any]:
    """Read a body as an object.

    Raises:
        HttpError: it is none, or holds half of a character (a lone surrogate), which no answer could repeat.
    """
    try:
        found = json.loads(body)
        if b"\\u" in body:
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as bad:
        raise HttpError(400, f"the body is no JSON: {bad}") from None
    if not isinstance(found, dict):
        raise HttpError(400, "the body must be an object")
    return found


def completion(body: Mapping[str, Any]) -> Wish:
    """Read a wish for completions."""
    prompts = body.get("prompt", "")
    texts = [prompts] if isinstance(prompts, str) else prompts
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise HttpError(400, "'prompt' must be a text or a list of texts; numbers of tokens are not read")
    asked = body.get("logprobs")
    return Wish(
        prompts=tuple(text_prompt(text) for text in texts),
        sampling=_sampling(body),
        replies=_whole(body, "n", 1, 1, MOST_REPLIES),
        stream=_flag(body, "stream"),
        usage=_wants_usage(body),
        echo=_flag(body, "echo"),
        logprobs=asked is not None and asked is not False,
        prompt_logprobs=body.get("prompt_logprobs") is not None,
    )


def chat(body: Mapping[str, Any]) -> Wish:
    """Read a wish for the next turn of a conversation."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise HttpError(400, "'messages' must be a list of messages")
    turns = [_turn(message) for message in messages]
    begun = None
    if _flag(body, "continue_final_message"):
        begun = turns.pop().text
    return Wish(
        prompts=(tuple(turns),),
        sampling=_sampling(body),
        replies=_whole(body, "n", 1, 1, MOST_REPLIES),
        stream=_flag(body, "stream"),
        usage=_wants_usage(body),
        logprobs=_flag(body, "logprobs"),
        prompt_logprobs=body.get("prompt_logprobs") is not None,
        begun=begun,
    )


def texts_to_embed(body: Mapping[str, Any]) -> list[str]:
    """Read the texts that shall be embedded."""
    asked = body.get("input")
    texts = [asked] if isinstance(asked, str) else asked
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise HttpError(400, "'input' must be a text or a list of texts")
    if body.get("encoding_format", "float") != "float":
        raise HttpError(400, "'encoding_format' must be 'float'")
    return texts


def _turn(message: Any) -> Turn:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        parts = [
            part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in content
        ]
        content = "".join(str(part) for part in parts) if None not in parts else None
    if not isinstance(content, str) or not isinstance(message.get("role"), str):
        raise HttpError(400, "each message needs a 'role' and a 'content' of text")
    return Turn(message["role"], content)


def _sampling(body: Mapping[str, Any]) -> Sampling:
    stops = body.get("stop") or ()
    stops = (stops,) if isinstance(stops, str) else stops
    if not isinstance(stops, list | tuple) or not all(isinstance(stop, str) for stop in stops):
        raise HttpError(400, "'stop' must be a text or a list of texts")
    most = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    return Sampling(
        max_tokens=_whole(body, most, 256, 0, 10**6),
        temperature=_number(body, "temperature", 1.0, 100.0),
        top_p=_number(body, "top_p", 1.0, 1.0),
        stop=tuple(stop for stop in stops if stop),
        seed=_whole(body, "seed", 0, -(2**63), 2**63),
    )


def _number(body: Mapping[str, Any], name: str, default: float, most: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise HttpError(400, f"'{name}' must be a number from 0 to {most:g}")
    return float(value)


def _whole(body: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise HttpError(400, f"'{name}' must be a whole number from {least} to {most}")
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise HttpError(400, f"'{name}' must be true or false")
    return bool(value)


def _wants_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))
