"""The adapters' own dropout drops as many as it should, and its products are those of plain dropout."""

import pytest
import torch

from lmloop.nn.adapters.dropping import draw, drop, factor, ranks


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("shape", [(1000, 501), (3, 7, 11), (1,)])
def test_the_share_and_the_mean(share, shape):
    torch.manual_seed(0)
    x = torch.ones(shape)
    kept = draw(x, share)
    assert kept.shape == x.shape
    if len(shape) == 2:
        rest = kept.float().mean()
        assert float(rest) == pytest.approx(1 - share, abs=4e-3)
        assert float(kept.float().mean(0).std()) < 0.02 + 0.5 / 30  # no column is favoured
        assert float(drop(x, share, True).mean()) == pytest.approx(1, abs=0.01)
    torch.manual_seed(0)
    assert torch.equal(draw(x, share), kept)
    assert torch.equal(drop(x, share, False), x)
    assert factor(0.0) == 1.0


def test_products_of_what_is_kept():
    chance = torch.Generator().manual_seed(0)
    x, A = (torch.randn(size, generator=chance, dtype=torch.float64, requires_grad=True) for size in ((9, 6), (4, 6)))
    kept = draw(x, 0.4)
    ours, plain = ranks(x, kept, A), (x * kept) @ A.T
    assert torch.allclose(ours, plain)
    for one, other in zip(
        torch.autograd.grad(ours.sin().sum(), (x, A)), torch.autograd.grad(plain.sin().sum(), (x, A)), strict=True
    ):
        assert torch.allclose(one, other)
