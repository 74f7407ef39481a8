import math
import random

import numpy as np
import pytest
import torch
from test_nn_huggingface import SHAPE, shaken

from lmloop.nn.inference.attending import How, add, causal, look, look_back
from lmloop.nn.inference.laying import Budget
from lmloop.nn.inference.likelihood import likelihood
from lmloop.nn.inference.network import DecoderNetwork, Head
from lmloop.nn.inference.scoring import score


def questions(seed=1, vocabulary=90):
    """Prompts that share shots and questions, with options that share their first tokens."""
    chance = random.Random(seed)
    pairs = []
    for _ in range(3):
        shots = [chance.randrange(vocabulary) for _ in range(20)]
        for _ in range(4):
            question = [chance.randrange(3) for _ in range(chance.randrange(1, 8))]
            options = [[chance.randrange(3) for _ in range(chance.randrange(5))] for _ in range(4)]
            pairs += [(np.array(shots + question), np.array(option, int)) for option in options]
    return [*pairs, (np.array([5]), np.array([7])), pairs[0]]


def alone(logits, pairs):
    """Score each pair by itself: what must come out."""
    found = []
    for prompt, text in pairs:
        with torch.no_grad():
            table = logits(torch.tensor([[*prompt, *text]]))[0].float().log_softmax(-1)[len(prompt) - 1 : -1]
        wanted = torch.tensor(text, dtype=torch.long)
        logprob = float(table.gather(1, wanted[:, None]).sum()) if len(text) else 0.0
        found.append((logprob, bool((table[: len(text)].argmax(-1) == wanted).all())))
    return found


@pytest.mark.parametrize("budget", [Budget(), Budget(64, 32, 8), Budget(16, 8, 2), Budget(8, 4, 1000), Budget(5, 1, 1)])
def test_whatever_is_shared_each_score_is_that_of_the_text_alone(budget):
    model, pairs = shaken(SHAPE), questions()
    heard = {}
    found = score(DecoderNetwork(model), pairs, heard.__setitem__, budget)
    for one, (logprob, greedy), (_, text) in zip(found, alone(model, pairs), pairs, strict=True):
        assert one.logprob == pytest.approx(logprob, abs=1e-5)
        assert one.greedy == greedy
        assert one.tokens == len(text)
    assert heard == dict(enumerate(found))
    assert score(DecoderNetwork(model), []) == []


def test_what_is_shared_is_read_once():
    """The long row of each reading is what the device works on."""
    model, pairs = shaken(SHAPE), questions()

    class Counting(DecoderNetwork):
        read_so_far = 0

        def read(self, tokens_T, places_T, mixer):
            Counting.read_so_far += len(tokens_T)
            return super().read(tokens_T, places_T, mixer)

    score(Counting(model), pairs, budget=Budget(pairs=1 << 30))
    different = {
        tuple([*prompt, *text][: length + 1]) for prompt, text in pairs for length in range(len(prompt) + len(text) - 1)
    }
    assert Counting.read_so_far == len(different)
    assert len(different) < sum(len(prompt) + len(text) for prompt, text in pairs) / 3


@pytest.mark.parametrize("head", ["plain", "bias", "bound", "factor"])
def test_likelihood_in_tiles_is_the_softmax(head, monkeypatch):
    chance = torch.Generator().manual_seed(2)
    weight, bias = torch.randn(300, 16, generator=chance), torch.randn(300, generator=chance)
    made = {
        "plain": Head(weight),
        "bias": Head(weight, bias),
        "bound": Head(weight, softcap=5.0),
        "factor": Head(weight, factor=0.3),
    }[head]
    hidden = torch.randn(11, 16, generator=chance)
    places = torch.arange(11).repeat_interleave(2)
    tokens = torch.randint(0, 300, (22,), generator=chance)
    table = made.logits(hidden).log_softmax(-1)
    tokens[::4] = table.argmax(-1)[places[::4]]
    for size in ((512, 8192), (4, 7)):
        monkeypatch.setattr("lmloop.nn.inference.likelihood.PLACES", size[0])
        monkeypatch.setattr("lmloop.nn.inference.likelihood.TILE", size[1])
        logprobs, greedy = likelihood(made, hidden, places, tokens)
        assert torch.allclose(logprobs, table[places, tokens], atol=1e-5)
        assert torch.equal(greedy, table.argmax(-1)[places] == tokens)


@pytest.mark.parametrize("how", [How(0.3), How(0.3, window=3), How(0.3, softcap=2.0), How(0.3, window=1)])
@pytest.mark.parametrize("width", [8, 5])
def test_attention_in_parts_is_attention_over_all(how, width):
    chance = torch.Generator().manual_seed(3)
    q, k = torch.randn(1, 4, 9, 8, generator=chance), torch.randn(1, 2, 9, 8, generator=chance)
    v = torch.randn(1, 2, 9, width, generator=chance)
    scores = q @ k.repeat_interleave(2, 1).transpose(2, 3) * how.scale
    if how.softcap:
        scores = how.softcap * torch.tanh(scores / how.softcap)
    scores = scores.masked_fill(~causal(9, how.window, q.device), -math.inf)
    wanted = scores.softmax(-1) @ v.repeat_interleave(2, 1)
    whole = look_back(q, k, v, how)
    assert torch.allclose(whole.mixed_BNTH, wanted, atol=1e-5)
    assert torch.allclose(whole.weight_BNT, scores.logsumexp(-1), atol=1e-5)
    seen = causal(9, how.window, q.device)[None, 4:]
    parts = [look(q[:, :, 4:], k[:, :, part], v[:, :, part], how, seen[:, :, part]) for part in (slice(4), slice(4, 9))]
    both = add(*parts)
    assert torch.allclose(both.mixed_BNTH, wanted[:, :, 4:], atol=1e-5)
    assert torch.allclose(both.weight_BNT, whole.weight_BNT[:, :, 4:], atol=1e-4)
