"""What is asked of a server when it writes or embeds, and what its answers mean."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lmloop.core.model import Prompt, Reply, Sampling, cut_at_stop, raw_text
from lmloop.models.openai.line import Refused

MOST_STOPS = 4
"""OpenAI's servers take no more; the text is cut here at the others."""


def messages(prompt: Prompt) -> list[dict[str, str]]:
    """Write a conversation as servers read it; raw text becomes what a user says."""
    return [{"role": "user" if turn.role == "text" else turn.role, "content": turn.text} for turn in prompt]


def writing(prompt: Prompt, sampling: Sampling, seed: int, chats: bool) -> tuple[str, dict[str, Any]]:
    """Give the path and the body that ask for a text. A server that draws nothing is sent no seed."""
    text = raw_text(prompt)
    body: dict[str, Any] = {"max_tokens": sampling.max_tokens, "temperature": sampling.temperature}
    if sampling.top_p < 1:
        body["top_p"] = sampling.top_p
    if sampling.temperature > 0:
        body["seed"] = seed
    if sampling.stop:
        body["stop"] = list(sampling.stop[:MOST_STOPS])
    if text is None or chats:
        return "/chat/completions", {"messages": messages(prompt), **body}
    return "/completions", {"prompt": text, **body}


def merged(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the settings add to each body; a null takes a field away."""
    return {name: value for name, value in {**body, **extra}.items() if value is not None}


def seeds(prompts: Sequence[Prompt], seed: int) -> list[int]:
    """Give each prompt a seed: those that are asked several times shall not all be answered alike."""
    seen: Counter[Prompt] = Counter()
    found = []
    for prompt in prompts:
        found.append(seed + seen[prompt])
        seen[prompt] += 1
    return found


def written(answer: Mapping[str, Any], prompt: Prompt, sampling: Sampling) -> Reply:
    """Read the reply from an answer.

    Raises:
        Refused: there is none in it.
    """
    choice = first_choice(answer)
    message = choice.get("message")
    text = (message.get("content") or message.get("refusal")) if isinstance(message, dict) else choice.get("text")
    end = choice.get("finish_reason")
    if not isinstance(text, str):
        if end not in ("stop", "length", "eos"):
            raise Refused(f"no text came, and the reason was {end!r}")
        text = ""
    text, stopped = cut_at_stop(text, sampling.stop)
    read, wrote = usage(answer)
    return Reply(
        text,
        logprob=_logprob(choice.get("logprobs")),
        tokens=guess(text) if wrote is None else wrote,
        cut=end == "length" and not stopped,
        prompt_tokens=guess("".join(turn.text for turn in prompt)) if read is None else read,
    )


def first_choice(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give an answer's one choice.

    Raises:
        Refused: there is none.
    """
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Refused(f"an answer without choices: {json.dumps(answer)[:200]}")
    return choices[0]


def usage(answer: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Give the tokens that were read and written, where the server counts them."""
    told = answer.get("usage")
    if not isinstance(told, dict):
        return None, None
    read, wrote = told.get("prompt_tokens"), told.get("completion_tokens")
    return (read if isinstance(read, int) else None), (wrote if isinstance(wrote, int) else None)


def guess(text: str) -> int:
    """Guess how many tokens a text has: one for four letters of English, one for a Chinese character."""
    ascii_letters = sum(character < "\x80" for character in text)
    return -(-ascii_letters // 4) + len(text) - ascii_letters


def vectors(answer: Mapping[str, Any], count: int) -> list[list[float]]:
    """Read embeddings from an answer, in the order of their texts.

    Raises:
        Refused: they are not there.
    """
    rows = answer.get("data")
    if not isinstance(rows, list) or len(rows) != count:
        raise Refused(f"{count} vectors were asked for, and {len(rows) if isinstance(rows, list) else 0} came")
    try:
        ordered = sorted(enumerate(rows), key=lambda item: item[1].get("index", item[0]))
        return [[float(x) for x in row["embedding"]] for _, row in ordered]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Refused("the vectors cannot be read") from None


def _logprob(told: Any) -> float | None:
    """Add up the log-probabilities of what was written, in either of the two forms."""
    if not isinstance(told, dict):
        return None
    found = told.get("token_logprobs")
    if found is None and isinstance(told.get("content"), list):
        found = [token.get("logprob") for token in told["content"]]
    if not isinstance(found, list) or not all(isinstance(x, int | float) for x in found):
        return None
    return min(0.0, float(sum(found)))
