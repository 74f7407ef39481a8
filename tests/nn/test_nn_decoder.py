import pytest
import torch
from test_nn_huggingface import SHAPE, shaken

from lmloop.nn.crosses import CHUNKS
from lmloop.nn.decode import score, write
from lmloop.nn.decoder import seeded
from lmloop.nn.inference.drawing import Drawing
from lmloop.nn.masking import document_mask
from lmloop.nn.objective import Objective
from lmloop.nn.shape import from_depth

TOKENS = torch.randint(0, 90, (2, 24), generator=torch.Generator().manual_seed(5))


def test_the_same_seed_gives_the_same_weights():
    one, other, third = (seeded(SHAPE, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["lm_head.weight"], third["lm_head.weight"])


@pytest.mark.parametrize("depth", [1, 4, 8, 12, 24])
def test_a_depth_sets_everything_and_the_counts_are_true(depth):
    shape = from_depth(depth, 256, 64)
    assert shape.heads * shape.head_width == shape.width
    assert shape.heads % shape.kv_heads == 0
    with torch.device("meta"):
        from lmloop.nn.decoder import Decoder

        assert sum(weight.numel() for weight in Decoder(shape).parameters()) == shape.parameters


def test_packed_documents_do_not_see_each_other_and_count_from_zero():
    """What is packed gives the logits of each document alone."""
    model = shaken(SHAPE)
    documents = torch.tensor([[0] * 9 + [1] * 15, [0] * 24])
    positions = torch.tensor([[*range(9), *range(15)], [*range(24)]])
    with torch.no_grad():
        packed = model(TOKENS, positions, document_mask(documents))
        alone = torch.cat([model(TOKENS[:1, :9]), model(TOKENS[:1, 9:])], dim=1)
        assert torch.allclose(packed[:1], alone, atol=1e-5)
        assert torch.allclose(packed[1:], model(TOKENS[1:]), atol=1e-5)
        leaking = model(TOKENS, positions)
    assert (leaking[0, 9:] - packed[0, 9:]).abs().max() > 0.01


def test_the_loss_is_the_plain_cross_entropy_whatever_the_chunks(monkeypatch):
    model = shaken(SHAPE)
    targets = TOKENS.roll(-1, 1).clone()
    targets[:, -1] = -100
    positions = torch.arange(24).expand(2, 24)
    wanted = torch.nn.functional.cross_entropy(model(TOKENS).flatten(0, 1), targets.flatten(), reduction="sum")
    wanted.backward()
    gradient = model.lm_head.weight.grad.clone()
    for chunk in (1 << 26, 90 * 10):
        monkeypatch.setattr("lmloop.nn.objective.CHUNK", chunk)
        monkeypatch.setitem(CHUNKS, "cpu", chunk)
        model.zero_grad()
        loss, cross = Objective(model)(TOKENS, targets, positions, None)
        loss.backward()
        assert torch.allclose(loss, wanted, rtol=1e-5)
        assert torch.equal(loss.detach()[None], cross)
        assert torch.allclose(model.lm_head.weight.grad, gradient, atol=1e-4)
    pulled, (cross,) = Objective(model, z_loss=0.1)(TOKENS, targets, positions, None)
    size = torch.logsumexp(model(TOKENS), -1).square()[targets != -100].sum()
    assert torch.allclose(pulled, cross + 0.1 * size, rtol=1e-4)


def test_recomputing_changes_nothing():
    gradients = []
    for recompute in (False, True):
        model = seeded(SHAPE, 1)
        model.model.recompute = recompute
        model(TOKENS).square().mean().backward()
        gradients.append(model.model.layers[0].mlp.up_proj.weight.grad)
    assert torch.allclose(*gradients, atol=1e-7)


def test_writing_with_a_cache_is_reading_all_again_and_rows_do_not_meet():
    model = shaken(SHAPE)
    prompts = [[5, 6, 7], [1], [9, 8, 7, 6, 5, 4, 3]]
    written = write(model, prompts, Drawing(10))
    for prompt, one in zip(prompts, written, strict=True):
        ids = list(prompt)
        logprob = 0.0
        for _ in range(10):
            with torch.no_grad():
                row = model(torch.tensor([ids]))[0, -1].log_softmax(-1)
            ids.append(int(row.argmax()))
            logprob += float(row.max())
        assert list(one.ids) == ids[len(prompt) :]
        assert one.logprob == pytest.approx(logprob, abs=1e-3)
        assert one.cut


def test_writing_ends_with_an_end_and_chance_hangs_on_the_seed():
    model = shaken(SHAPE)
    free = write(model, [[5, 6, 7]], Drawing(10))[0].ids
    ended = write(model, [[5, 6, 7], [1]], Drawing(10, ends=(free[3],)))[0]
    assert ended.ids == free[: free.index(free[3])]
    assert not ended.cut
    drawn = [write(model, [[5]], Drawing(8, temperature=1.0, top_p=0.9, seed=seed))[0] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    assert drawn[0].ids != drawn[2].ids
    nearly_greedy = write(model, [[5, 6, 7]], Drawing(10, temperature=1.0, top_p=1e-6))[0]
    assert nearly_greedy.ids == free
    assert write(model, [], Drawing(3)) == []


def test_scores_are_those_of_each_pair_alone():
    model = shaken(SHAPE)
    pairs = [([5, 6], [7, 8, 9]), ([1], [2]), ([3, 4, 5, 6], [7] * 9)]
    for (prompt, text), found in zip(pairs, score(model, pairs), strict=True):
        with torch.no_grad():
            table = model(torch.tensor([[*prompt, *text]]))[0].log_softmax(-1)
        wanted = sum(float(table[len(prompt) - 1 + n, token]) for n, token in enumerate(text))
        assert found.logprob == pytest.approx(wanted, abs=1e-3)
        assert found.tokens == len(text)
    greedy = write(model, [[5, 6]], Drawing(4))[0].ids
    assert score(model, [([5, 6], greedy)])[0].greedy
