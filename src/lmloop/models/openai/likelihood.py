"""How likely a text is, read from a server that repeats a prompt with the log-probability of each token.

Two forms are known. ``echo`` with ``logprobs`` is that of OpenAI's first completions, which vLLM and others keep: the
prompt comes back as tokens. ``prompt_logprobs`` is vLLM's own, for conversations, too.

Which of the tokens belong to the text and which to its prompt is read from the tokens themselves where, put together,
they are the text byte for byte: a token that has any letter of the text belongs to it. Where they are not (a server
shows the halves of a Chinese character as marks of their own), the prompt is sent once more alone, and its tokens are
counted. The numbers that servers give as ``text_offset`` count such marks and are not used. The first token
of all has no probability where the model has no token that begins a text: it is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lmloop.core.model import Prompt, Reply, Token, raw_text
from lmloop.core.record import Turn
from lmloop.models.openai.bodies import first_choice, messages, usage
from lmloop.models.openai.line import Refused

ONE = {"max_tokens": 1, "temperature": 0}
"""What else is written is not looked at; some servers take 0 for "no limit"."""


def echo_body(text: str) -> dict[str, Any]:
    """Ask for a text's tokens by ``echo``."""
    return {"prompt": text, "echo": True, "logprobs": 1, **ONE}


def logprobs_body(prompt: Prompt, text: str) -> tuple[str, dict[str, Any]]:
    """Ask for the tokens of a text behind its prompt by ``prompt_logprobs``: the path and the body."""
    asked = {"prompt_logprobs": 0, **ONE}
    before = raw_text(prompt)
    if before is not None:
        return "/completions", {"prompt": before + text, **asked}
    whole = messages((*prompt, Turn("assistant", text)))
    return "/chat/completions", {
        "messages": whole,
        "add_generation_prompt": False,
        "continue_final_message": True,
        **asked,
    }


def prompt_body(prompt: Prompt) -> tuple[str, dict[str, Any]]:
    """Ask for as little as can be, to learn how many tokens a prompt has."""
    before = raw_text(prompt)
    if before is not None:
        return "/completions", {"prompt": before, **ONE}
    return "/chat/completions", {"messages": messages(prompt), **ONE}


def echoed(answer: Mapping[str, Any]) -> list[Token]:
    """Read the tokens that came by ``echo``, and behind them perhaps one that was written.

    Raises:
        Refused: the server does not give them.
    """
    told = first_choice(answer).get("logprobs")
    try:
        assert isinstance(told, dict)
        texts, values = list(told["tokens"]), list(told["token_logprobs"])
        tops = list(told.get("top_logprobs") or [None] * len(texts))
        return [Token(str(text), _number(value), _is_top(value, top)) for text, value, top in zip(texts, values, tops)]  # noqa: B905
    except (AssertionError, KeyError, TypeError, ValueError):
        raise Refused("the server does not say how likely a given text is (echo with logprobs)") from None


def listed(answer: Mapping[str, Any]) -> list[Token]:
    """Read the tokens that came as ``prompt_logprobs``: a table a token, in which the token itself comes first.

    Raises:
        Refused: the server does not give them.
    """
    rows = first_choice(answer).get("prompt_logprobs", answer.get("prompt_logprobs"))
    if not isinstance(rows, list) or not rows:
        raise Refused("the server does not say how likely a given text is (prompt_logprobs)")
    found = []
    for row in rows:
        if not isinstance(row, dict) or not row:
            found.append(Token("", None, None))
            continue
        one = next(iter(row.values()))
        rank = one.get("rank")
        found.append(
            Token(str(one.get("decoded_token", "")), _number(one.get("logprob")), None if rank is None else rank == 1)
        )
    return found


def first_of(tokens: Sequence[Token], before: str, text: str) -> tuple[int, int] | None:
    """Find the first token of a text behind what stands before it, and the one behind its last; None if unclear."""
    whole = before + text
    for skipped in (0, 1):
        # a token that begins every text is not part of this one
        ends, length = [], 0
        for token in tokens[skipped:]:
            length += len(token.text)
            ends.append(length)
        if "".join(token.text for token in tokens[skipped:])[: len(whole)] == whole and whole:
            first = next((place for place, end in enumerate(ends) if end > len(before)), len(ends))
            if 0 < first < len(ends) and not tokens[skipped + first - 1].text:
                return None  # part of a character: the server alone knows which
            last = next((place for place, end in enumerate(ends) if end >= len(whole)), len(ends) - 1)
            return skipped + first, skipped + last + 1
    return None


def judged(tokens: Sequence[Token], text: str, read: int) -> Reply:
    """Make the reply of the tokens of a text, ``read`` being those before it."""
    known = [token for token in tokens if token.logprob is not None]
    choices = [token.greedy for token in known]
    return Reply(
        text,
        logprob=min(0.0, sum(token.logprob or 0.0 for token in known)),
        tokens=len(known),
        greedy=None if None in choices else all(choices),
        prompt_tokens=read,
    )


def counted(answer: Mapping[str, Any]) -> int:
    """Give how many tokens a prompt had.

    Raises:
        Refused: the server does not count them.
    """
    read, _ = usage(answer)
    if read is None:
        raise Refused("the server does not count tokens, and these cannot be told from the prompt's")
    return read


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _is_top(value: Any, top: Any) -> bool | None:
    if value is None or not isinstance(top, dict) or not top:
        return None
    return float(value) >= max(float(other) for other in top.values()) - 1e-6
