"""Models that a mixer cannot serve: read by their own code, text by text, with whatever cache that code has.

Shape letters: B rows, T places, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmloop.nn.inference import generation, scoring
from lmloop.nn.inference.drawing import draw
from lmloop.nn.inference.generation import Wanted, Written
from lmloop.nn.inference.scoring import Scored
from lmloop.nn.inference.trie import Ids

LOGITS = 1 << 26
"""At most so many logits are made at once: what the models' own code makes for all places."""
CACHES = ("cache", "past_key_values", "cache_params")
"""How the models' outputs name what they keep, and their inputs, too."""


@torch.inference_mode()
def score(model: Any, pairs: Sequence[tuple[Ids, Ids]], told: scoring.Told | None = None) -> list[Scored]:
    """Score each continuation behind its prompt, texts of one length side by side."""
    found: dict[int, Scored] = {}
    texts = [np.concatenate(pair).astype(np.int64) for pair in pairs]
    order = sorted(range(len(pairs)), key=lambda number: len(texts[number]))
    vocabulary = model.get_input_embeddings().weight.shape[0]
    while order:
        length = len(texts[order[0]])
        alike = [number for number in order if len(texts[number]) == length]
        alike = alike[: max(1, LOGITS // (vocabulary * length))]
        order = order[len(alike) :]
        tokens_BT = torch.from_numpy(np.stack([texts[number] for number in alike])).to(model.device)
        logits_BTV = model(input_ids=tokens_BT, use_cache=False).logits
        for row, number in enumerate(alike):
            found[number] = _scored(logits_BTV[row], tokens_BT[row], len(pairs[number][0]))
            if told is not None:
                told(number, found[number])
    return [found[number] for number in range(len(pairs))]


def _scored(logits_TV: Tensor, tokens_T: Tensor, begin: int) -> Scored:
    table_NV = logits_TV[begin - 1 : -1].float().log_softmax(-1)
    wanted_N = tokens_T[begin:].to(table_NV.device)
    logprob = float(table_NV.gather(1, wanted_N[:, None]).double().sum())
    return Scored(min(logprob, 0.0), len(wanted_N), bool((table_NV.argmax(-1) == wanted_N).all()))


@torch.inference_mode()
def write(model: Any, wanted: Sequence[Wanted], told: generation.Told | None = None) -> list[Written]:
    """Write each reply, one behind the other."""
    replies = []
    for number, one in enumerate(wanted):
        replies.append(_write(model, one))
        if told is not None:
            told(number, replies[-1])
    return replies


def _write(model: Any, one: Wanted) -> Written:
    chance = one.drawing.chance(one.prompt)
    new = torch.from_numpy(one.prompt.astype(np.int64))[None].to(model.device)
    kept: dict[str, Any] = {}
    ids: list[int] = []
    logprob = 0.0
    while len(ids) < one.drawing.most:
        out = model(input_ids=new, use_cache=True, **kept)
        tokens, logprobs = draw(out.logits[:, -1].float(), [one.drawing], [chance])
        logprob += logprobs[0]
        if tokens[0] in one.drawing.ends:
            return Written(tuple(ids), min(logprob, 0.0), False)
        ids.append(tokens[0])
        if one.ended is not None and one.ended(ids):
            return Written(tuple(ids), min(logprob, 0.0), False)
        name = next((name for name in CACHES if out.get(name) is not None), "")
        kept = {name: out[name]} if name else {}
        last = torch.tensor([[tokens[0]]], device=new.device)
        new = last if kept else torch.cat([new, last], 1)
    return Written(tuple(ids), min(logprob, 0.0), True)


@torch.inference_mode()
def embed(model: Any, texts: Sequence[Ids]) -> list[list[float]]:
    """Give the mean of the last hidden vectors of each text."""
    vectors = []
    for ids in texts:
        out = model.base_model(input_ids=torch.from_numpy(ids.astype(np.int64))[None].to(model.device))
        mean: list[float] = out[0][0].float().mean(0).tolist()
        vectors.append(mean)
    return vectors
