import random

import numpy as np
import pytest
import torch
from test_nn_huggingface import SHAPE, shaken

from lmloop.core.model import cut_at_stop
from lmloop.nn.inference.drawing import Drawing, draw
from lmloop.nn.inference.generation import Room, Wanted, write
from lmloop.nn.inference.network import DecoderNetwork
from lmloop.nn.inference.stopping import Tail


def prompts(seed=1):
    """Three groups behind long prefixes, and some by themselves."""
    chance = random.Random(seed)
    found = []
    for _ in range(3):
        shared = [chance.randrange(90) for _ in range(70)]
        found += [[*shared, *(chance.randrange(90) for _ in range(chance.randrange(1, 6)))] for _ in range(4)]
    return [*found, [5], [5, 6, 7], found[0]]


def again(model, prompt, length):
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(length):
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("rows", [1, 3, 64])
def test_greedy_replies_are_those_of_reading_all_again(rows):
    model = shaken(SHAPE)
    chance = random.Random(2)
    wanted = [Wanted(np.array(prompt), Drawing(chance.randrange(1, 9))) for prompt in prompts()]
    heard = {}
    found = write(DecoderNetwork(model), wanted, heard.__setitem__, Room(rows))
    assert heard == dict(enumerate(found))
    for one, each in zip(found, wanted, strict=True):
        assert list(one.ids) == again(model, each.prompt.tolist(), each.drawing.most)
        assert one.cut


def test_a_reply_hangs_on_its_prompt_and_seed_and_not_on_the_others():
    model = DecoderNetwork(shaken(SHAPE))
    drawing = Drawing(8, temperature=1.5, top_p=0.9, seed=3)
    wanted = [Wanted(np.array(prompt), drawing) for prompt in prompts()]
    together = write(model, wanted)
    assert together[0].ids == together[-1].ids
    for place in (0, 5, 13):
        assert write(model, [wanted[place]])[0].ids == together[place].ids
    other = write(model, [Wanted(wanted[5].prompt, Drawing(8, temperature=1.5, top_p=0.9, seed=4))])[0]
    assert other.ids != together[5].ids
    assert len({one.ids for one in together}) > 10


def test_ends_and_watchers_end_a_reply():
    model = DecoderNetwork(shaken(SHAPE))
    free = write(model, [Wanted(np.array([5, 6, 7]), Drawing(10))])[0].ids
    ended = write(model, [Wanted(np.array([5, 6, 7]), Drawing(10, ends={free[4]}))])[0]
    assert ended.ids == free[: free.index(free[4])]
    assert not ended.cut
    watched = write(model, [Wanted(np.array([5, 6, 7]), Drawing(10), lambda ids: len(ids) == 3)])[0]
    assert watched.ids == free[:3]
    assert not watched.cut
    assert write(model, []) == []


def test_draws_follow_the_shares():
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0]]).repeat(4000, 1)
    for top_p, allowed in ((1.0, {0, 1, 2, 3}), (0.7, {1, 2}), (1e-9, {2})):
        drawing = Drawing(1, temperature=2.0, top_p=top_p, seed=1)
        chances = [drawing.chance(np.array([number], np.uint32)) for number in range(len(logits))]
        tokens, logprobs = draw(logits, [drawing] * len(logits), chances)
        assert set(tokens) == allowed
        shares = (logits[0] / 2).softmax(-1)
        kept = torch.tensor([float(shares[token]) if token in allowed else 0.0 for token in range(4)])
        counts = torch.bincount(torch.tensor(tokens), minlength=4) / len(tokens)
        assert torch.allclose(counts, kept / kept.sum(), atol=0.03)
        assert logprobs[0] == pytest.approx(float(logits[0].log_softmax(-1)[tokens[0]]), abs=1e-5)


def test_a_tail_sees_a_stop_string_across_tokens_and_broken_characters():
    text = "说：停止\n\nQ: next"
    ids = list(text.encode())

    def decode(some):
        return bytes(some).decode(errors="replace")

    for stops in (["止\n"], ["\n\n"], ["none", "Q:"], ["停"]):
        tail = Tail(decode, stops)
        at = next(length for length in range(1, len(ids) + 1) if tail.ended(ids[:length]))
        assert cut_at_stop(decode(ids[:at]), stops) == (
            text[: min(text.find(stop) for stop in stops if stop in text)],
            True,
        )
        assert not cut_at_stop(decode(ids[: at - 1]), stops)[1]
    tail = Tail(decode, ["zzz"])
    assert not any(tail.ended(ids[:length]) for length in range(1, len(ids) + 1))
    assert cut_at_stop(text, ["zzz", ""]) == (text, False)
