"""One vector for a text: the mean of the last hidden vectors of its tokens.

Shape letters: T places of a long row, D width.
"""

from collections.abc import Sequence

import numpy as np
import torch

from lmloop.nn.inference.laying import Budget
from lmloop.nn.inference.mixing import Bundle, Path, Rows
from lmloop.nn.inference.network import Network
from lmloop.nn.inference.trie import Ids


@torch.inference_mode()
def embed(network: Network, texts: Sequence[Ids]) -> list[list[float]]:
    """Give each text's vector; texts (ids, at least one) of like lengths are read side by side."""
    found: dict[int, list[float]] = {}
    budget = Budget.on(network.device).bundle
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    while order:
        count, size = 1, len(texts[order[0]])
        while count < len(order) and size + len(texts[order[count]]) <= budget:
            size += len(texts[order[count]])
            count += 1
        found.update(zip(order[:count], _read(network, [texts[number] for number in order[:count]]), strict=True))
        order = order[count:]
    return [found[number] for number in range(len(texts))]


def _read(network: Network, texts: Sequence[Ids]) -> list[list[float]]:
    lengths, device = [len(ids) for ids in texts], network.device
    tokens_T = torch.from_numpy(np.concatenate(texts).astype(np.int64)).to(device)
    places_T = torch.cat([torch.arange(length) for length in lengths]).to(device)
    bundle = Bundle(Path(0), Rows.of(lengths, [None] * len(texts), device), places_T)
    hidden_TD = network.read(tokens_T, places_T, bundle).float()
    return [part_TD.mean(0).tolist() for part_TD in torch.split(hidden_TD, lengths)]
