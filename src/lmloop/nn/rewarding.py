"""The head of a reward model: one number for a whole reply, read at its last token.

Shape letters: B replies, D width.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.nn.decoder import seeded
from lmloop.nn.huggingface import write_model
from lmloop.nn.masking import CAUSAL
from lmloop.nn.opening import open_decoder
from lmloop.nn.shape import from_depth

HEAD, WEIGHT = "score.safetensors", "score.weight"


def write_head(folder: Path, decoder: Any) -> None:
    """Write the head beside the model."""
    with draft(folder / HEAD) as place:
        save_file({WEIGHT: decoder.score.weight.detach().cpu().contiguous()}, place)


def write_fresh(folder: Path, vocabulary: int) -> None:
    """Write a tiny reward model with fresh weights."""
    shape = from_depth(1, vocabulary, 128)
    decoder: Any = seeded(shape, 0)
    write_model(folder, shape, decoder.state_dict(), None, None)
    decoder.score = nn.Linear(shape.width, 1, bias=False)
    nn.init.ones_(decoder.score.weight)
    write_head(folder, decoder)


def open_rewarding(folder: Path) -> Any:
    """Open a reward model: a decoder with its head.

    Raises:
        DataError: it has no head, or a damaged one.
    """
    decoder = open_decoder(folder)
    try:
        weight = load_file(folder / HEAD)[WEIGHT]
    except (OSError, KeyError, SafetensorError) as bad:
        raise DataError(f"{folder} holds no reward model: {bad}", hint=f"it would have a {HEAD}") from None
    decoder.score = nn.Linear(weight.shape[1], 1, bias=False)
    with torch.no_grad():
        decoder.score.weight.copy_(weight)
    return decoder


@torch.inference_mode()
def reward(decoder: Any, texts: Sequence[Sequence[int]], rows: int = 16) -> list[float]:
    """Give the reward of each text (ids, at least one)."""
    decoder.eval()
    device = next(decoder.parameters()).device
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    found: dict[int, float] = {}
    for first in range(0, len(order), rows):
        places = order[first : first + rows]
        longest = len(texts[places[-1]])
        tokens_BT = torch.zeros((len(places), longest), dtype=torch.long, device=device)
        for row, place in enumerate(places):
            tokens_BT[row, : len(texts[place])] = torch.tensor(list(texts[place]), device=device)
        positions_BT = torch.arange(longest, device=device).expand_as(tokens_BT)
        x_BTD: Tensor = decoder.model(tokens_BT, positions_BT, CAUSAL)
        last_B = torch.tensor([len(texts[place]) - 1 for place in places], device=device)
        values = decoder.score(x_BTD[torch.arange(len(places), device=device), last_B]).float().squeeze(1)
        found.update(zip(places, values.tolist(), strict=True))
    return [found[place] for place in range(len(texts))]
