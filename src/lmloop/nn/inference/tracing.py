"""How a text is judged token by token: each token is a continuation of its own, and the trie reads the text once."""

from collections.abc import Callable, Sequence

import numpy as np

from lmloop.core.errors import DataError
from lmloop.core.model import Prompt, Token, raw_text
from lmloop.nn.inference.encoding import Codec, Pair, Reading, encode_pairs
from lmloop.nn.inference.scoring import Scored, Told
from lmloop.nn.inference.stopping import BROKEN
from lmloop.nn.inference.trie import Ids

WINDOW = 16
"""Tokens that are read again to see what one more adds to their text."""


def trace(
    score: Callable[[Sequence[tuple[Ids, Ids]], Told], list[Scored]],
    codec: Codec,
    asked: Sequence[tuple[Prompt, str]],
    context: int,
) -> list[list[Token]]:
    """Give the tokens of each text behind its prompt.

    Raises:
        DataError: a prompt and its text have more tokens than the model reads.
    """
    pairs = [_pair(codec, prompt, text) for prompt, text in asked]
    for pair in pairs:
        if len(pair.prompt) + len(pair.text) > context + 1:
            total = len(pair.prompt) + len(pair.text)
            raise DataError(f"the text has {total} tokens, the model reads {context}")
    wholes = [np.concatenate([pair.prompt, pair.text]) for pair in pairs]
    steps = [
        (whole[:place], whole[place : place + 1])
        for pair, whole in zip(pairs, wholes, strict=True)
        for place in range(max(1, len(pair.prompt)), len(whole))
    ]
    found = iter(score(steps, lambda place, scored: None))
    traces = []
    for (_, text), pair in zip(asked, pairs, strict=True):
        tokens = []
        for place, piece in enumerate(_pieces(codec, pair.text)):
            if not len(pair.prompt) and place == 0:  # nothing stands before it
                tokens.append(Token(piece, None, None))
                continue
            scored = next(found)
            tokens.append(Token(piece, scored.logprob, scored.greedy))
        traces.append(_without(tokens, sum(len(token.text) for token in tokens) - len(text)))
    return traces


def _pair(codec: Codec, prompt: Prompt, text: str) -> Pair:
    """Encode as scoring does; a text behind nothing is read as it is, with a beginning only where models have one."""
    if raw_text(prompt) != "":
        return encode_pairs(codec, [(prompt, text)])[0]
    [ids], [bare] = codec.encode([Reading(text)]), codec.encode([Reading(text)], bare=True)
    first = len(ids) - len(bare)
    return Pair(ids[:first], ids[first:])


def _pieces(codec: Codec, ids: Ids) -> list[str]:
    """Give the text of each token; a character of several tokens stands in the first of them."""
    listed = ids.tolist()
    found = _cut(codec, listed, WINDOW)
    # a tokenizer may write a token otherwise where little stands before it
    return found if "".join(found) == codec.decode(listed) else _cut(codec, listed, len(listed))


def _cut(codec: Codec, ids: list[int], window: int) -> list[str]:
    """Cut the text of some ids by what each adds to that of the ``window`` before it, or of twice as many."""
    found, begun, sofar = [""] * len(ids), 0, ""
    base = edge = 0
    open_ = False
    for place in range(len(ids)):
        if not open_ and place - edge >= window:
            base, edge = edge, place
            sofar = codec.decode(ids[base:place])
        text = codec.decode(ids[base : place + 1])
        if not open_:
            begun = place
        last = place == len(ids) - 1
        whole = text if last else text.rstrip(BROKEN)
        added = whole[len(sofar) :]
        found[begun] += added[:1]
        found[place] += added[1:]
        open_ = len(whole) < len(text)
        if open_ and added:
            begun = place
        sofar = whole if len(whole) > len(sofar) else sofar
    return found


def _without(tokens: list[Token], lead: int) -> list[Token]:
    """Leave out the tokens of white space that was moved from the prompt's end to the text."""
    while lead > 0 and tokens and 0 < len(tokens[0].text) <= lead:
        lead -= len(tokens[0].text)
        tokens = tokens[1:]
    return tokens
