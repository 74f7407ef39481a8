"""Writing with a model: prompts of any lengths side by side, one token at a time, nothing read twice.

Shape letters: B rows, T places, S places so far, V vocabulary.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lmloop.nn.cache import Cache
from lmloop.nn.decoder import Decoder
from lmloop.nn.masking import Mask


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


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: ids, the log-probability of them all in nats, and whether ``most`` cut it short."""

    ids: tuple[int, ...]
    logprob: float
    cut: bool


@torch.inference_mode()
def write(model: Decoder, prompts: Sequence[Sequence[int]], drawing: Drawing) -> list[Written]:
    """Continue each prompt (token ids, at least one each). What a row writes does not hang on the others' chance."""
    if not prompts:
        return []
    model.eval()
    device = next(model.parameters()).device
    longest = max(map(len, prompts))
    tokens_BT = torch.zeros((len(prompts), longest), dtype=torch.long, device=device)
    pads_B = torch.tensor([longest - len(prompt) for prompt in prompts], device=device)
    for row, prompt in enumerate(prompts):
        tokens_BT[row, longest - len(prompt) :] = torch.tensor(prompt, device=device)
    weight = model.lm_head.weight
    cache = Cache.empty(model.shape, len(prompts), longest + drawing.most, weight)
    chances = [torch.Generator().manual_seed(drawing.seed + row) for row in range(len(prompts))]
    ids: list[list[int]] = [[] for _ in prompts]
    sums = [0.0] * len(prompts)
    open_rows = list(range(len(prompts)))
    ended: set[int] = set()
    while open_rows and len(ids[open_rows[0]]) < drawing.most:
        logits_BV = _last(model, tokens_BT, pads_B, cache)
        drawn = [_draw(logits_BV[place], drawing, chances[row]) for place, row in enumerate(open_rows)]
        stay = []
        for place, row in enumerate(open_rows):
            token, logprob = drawn[place]
            sums[row] += logprob
            if token in drawing.ends:
                ended.add(row)
            else:
                ids[row].append(token)
                stay.append(place)
        if len(stay) < len(open_rows):
            kept = torch.tensor(stay, dtype=torch.long, device=device)
            cache.keep(kept)
            pads_B = pads_B[kept]
            open_rows = [open_rows[place] for place in stay]
        tokens_BT = torch.tensor([[drawn[place][0]] for place in stay], dtype=torch.long, device=device)
    return [Written(tuple(ids[row]), sums[row], row not in ended) for row in range(len(prompts))]


@dataclass(frozen=True, slots=True)
class Scored:
    """How likely a continuation is: its log-probability in nats, its tokens, and whether each was the likeliest."""

    logprob: float
    tokens: int
    greedy: bool


@torch.inference_mode()
def score(model: Decoder, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], rows: int = 16) -> list[Scored]:
    """Score each continuation (ids) behind its prompt (ids, at least one)."""
    model.eval()
    found: dict[int, Scored] = {}
    order = sorted(range(len(pairs)), key=lambda place: len(pairs[place][0]) + len(pairs[place][1]))
    for first in range(0, len(order), rows):
        places = order[first : first + rows]
        found.update(zip(places, _score(model, [pairs[place] for place in places]), strict=True))
    return [found[place] for place in range(len(pairs))]


def _score(model: Decoder, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[Scored]:
    device = next(model.parameters()).device
    longest = max(len(prompt) + len(text) for prompt, text in pairs)
    tokens_BT = torch.zeros((len(pairs), longest), dtype=torch.long, device=device)
    for row, (prompt, text) in enumerate(pairs):
        tokens_BT[row, : len(prompt) + len(text)] = torch.tensor([*prompt, *text], device=device)
    # what fills up stands behind, where nobody looks
    logprobs_BTV = F.log_softmax(model(tokens_BT).float(), dim=-1)
    found = []
    for row, (prompt, text) in enumerate(pairs):
        stretch_TV = logprobs_BTV[row, len(prompt) - 1 : len(prompt) + len(text) - 1]
        wanted_T = torch.tensor(list(text), dtype=torch.long, device=device)
        logprob = float(stretch_TV.gather(1, wanted_T[:, None]).sum())
        found.append(Scored(logprob, len(text), bool((stretch_TV.argmax(-1) == wanted_T).all())))
    return found


def _last(model: Decoder, tokens_BT: Tensor, pads_B: Tensor, cache: Cache) -> Tensor:
    """Give the logits behind the last place, (B, V), in float32."""
    start = cache.layers[0].used
    length = tokens_BT.shape[1]
    places_T = torch.arange(start, start + length, device=tokens_BT.device)
    positions_BT = (places_T[None] - pads_B[:, None]).clamp(min=0)
    seen_S = torch.arange(start + length, device=tokens_BT.device)
    there_BS = seen_S[None] >= pads_B[:, None]
    visible_B1TS = ((seen_S[None] <= places_T[:, None])[None] & there_BS[:, None])[:, None]
    # a place that only fills up looks at itself: nobody looks at it
    visible_B1TS = visible_B1TS | (seen_S[None] == places_T[:, None])
    hidden_BTD = model.model(tokens_BT, positions_BT, Mask(visible_B1TS), cache)
    logits: Tensor = model.lm_head(hidden_BTD[:, -1]).float()
    return logits


def _draw(logits_V: Tensor, drawing: Drawing, chance: torch.Generator) -> tuple[int, float]:
    """Draw a token; give it with its log-probability under the model itself."""
    logprobs_V = F.log_softmax(logits_V, dim=-1).cpu()
    if drawing.temperature <= 0:
        token = int(logprobs_V.argmax())
        return token, float(logprobs_V[token])
    sharp_V = F.softmax(logprobs_V / drawing.temperature, dim=-1)
    if drawing.top_p < 1:
        sorted_V, order_V = sharp_V.sort(descending=True)
        before_V = sorted_V.cumsum(-1) - sorted_V
        sorted_V[before_V >= drawing.top_p] = 0.0
        sharp_V = torch.zeros_like(sharp_V).scatter(0, order_V, sorted_V)
    token = int(torch.multinomial(sharp_V, 1, generator=chance))
    return token, float(logprobs_V[token])
