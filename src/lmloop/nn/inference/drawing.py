"""Drawing the next token of many rows, each in its own way and by its own chance.

Shape letters: B rows, V vocabulary, C candidates.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from lmloop.nn.inference.trie import Ids

CANDIDATES = 1024
"""The likeliest tokens are looked for among so many first, as sorting a whole vocabulary takes long."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """How the next token is drawn: ``temperature`` 0 takes the likeliest; ``top_p`` leaves the unlikely tail out.

    Writing ends after ``most`` tokens or with one of ``ends``, which is not given back.
    """

    most: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    ends: Collection[int] = ()

    def chance(self, prompt: Ids) -> Random:
        """Give the chance of a row: it hangs on the seed and on what the row goes on from, and on no other row."""
        return Random(hashlib.blake2b(prompt.astype("<u4").tobytes(), key=str(self.seed).encode()).digest())


def draw(logits_BV: Tensor, drawings: Sequence[Drawing], chances: Sequence[Random]) -> tuple[list[int], list[float]]:
    """Draw a token for each row; give them with their log-probabilities under the model itself."""
    weight_B = logits_BV.logsumexp(-1)
    tokens_B = logits_BV.argmax(-1)
    free = [row for row, drawing in enumerate(drawings) if drawing.temperature > 0]
    if free:
        tokens = [_free(logits_BV[row], drawings[row], chances[row].random()) for row in free]
        tokens_B[torch.tensor(free, device=tokens_B.device)] = torch.tensor(tokens, device=tokens_B.device)
    logprobs_B = logits_BV.gather(1, tokens_B[:, None])[:, 0] - weight_B
    return tokens_B.tolist(), logprobs_B.tolist()


def _free(logits_V: Tensor, drawing: Drawing, chance: float) -> int:
    """Draw a token where the chance, from 0 to 1, falls among the tokens' shares."""
    shares_V = (logits_V / drawing.temperature).softmax(-1)
    if drawing.top_p >= 1:
        sums_V = shares_V.double().cumsum(-1)
        return _pick(sums_V, chance)
    shares_C, order_C = shares_V.topk(min(CANDIDATES, len(shares_V)))
    if float(shares_C.sum()) < drawing.top_p:
        shares_C, order_C = shares_V.sort(descending=True)
    sums_C = shares_C.double().cumsum(-1)
    kept = int((sums_C - shares_C < drawing.top_p).sum())  # the smallest set whose share is at least top_p
    return int(order_C[_pick(sums_C[: max(1, kept)], chance)])


def _pick(sums_C: Tensor, chance: float) -> int:
    place = torch.searchsorted(sums_C, chance * sums_C[-1:], right=True)
    return min(int(place), len(sums_C) - 1)
