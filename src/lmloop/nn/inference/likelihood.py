"""How likely tokens are, without ever writing down what every place says of every token.

Shape letters: U places, D width, N pairs of a place and a token, V vocabulary.
"""

import torch
from torch import Tensor

from lmloop.nn.inference.network import Head

PLACES, TILE = 512, 8192
"""So many places times so many tokens of the vocabulary are held at once: 16 MiB."""


def likelihood(head: Head, hidden_UD: Tensor, places_N: Tensor, tokens_N: Tensor) -> tuple[Tensor, Tensor]:
    """Give each pair's log-probability in nats (float32), and whether no other token is likelier there.

    The sum of exponentials runs over tiles of the vocabulary, with the largest logit so far taken out of it
    (Milakov and Gimelshein 2018, algorithm 3). ``places_N`` must not fall.
    """
    logprobs_N = torch.empty(len(places_N), device=hidden_UD.device)
    greedy_N = torch.empty(len(places_N), dtype=torch.bool, device=hidden_UD.device)
    bounds = torch.arange(0, len(hidden_UD), PLACES, device=hidden_UD.device)
    cuts = [*torch.searchsorted(places_N, bounds).tolist(), len(places_N)]
    for number, first in enumerate(range(0, len(hidden_UD), PLACES)):
        pairs = slice(cuts[number], cuts[number + 1])
        logprobs_N[pairs], greedy_N[pairs] = _likelihood(
            head, hidden_UD[first : first + PLACES], places_N[pairs] - first, tokens_N[pairs]
        )
    return logprobs_N, greedy_N


def _likelihood(head: Head, hidden_UD: Tensor, places_N: Tensor, tokens_N: Tensor) -> tuple[Tensor, Tensor]:
    most_U = torch.full((len(hidden_UD),), -torch.inf, device=hidden_UD.device)
    best_U = torch.zeros(len(hidden_UD), dtype=torch.long, device=hidden_UD.device)
    sums_U = torch.zeros(len(hidden_UD), device=hidden_UD.device)
    wanted_N = torch.zeros(len(tokens_N), device=hidden_UD.device)
    for first in range(0, len(head.weight_VD), TILE):
        tile_UV = head.logits(hidden_UD, first, first + TILE)
        inside_N = (tokens_N >= first) & (tokens_N < first + TILE)
        wanted_N[inside_N] = tile_UV[places_N[inside_N], tokens_N[inside_N] - first]
        tile_most_U, tile_best_U = tile_UV.max(-1)
        best_U = torch.where(tile_most_U > most_U, tile_best_U + first, best_U)
        now_most_U = torch.maximum(most_U, tile_most_U)
        sums_U = sums_U * torch.exp(most_U - now_most_U) + tile_UV.sub_(now_most_U[:, None]).exp_().sum(-1)
        most_U = now_most_U
    weight_U = most_U + sums_U.log()
    return wanted_N - weight_U[places_N], best_U[places_N] == tokens_N
