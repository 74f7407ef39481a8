"""What feed-forwards do nothing with: zeros are counted, quiet ones held to a plain reference, checkpoints opened."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.errors import DataError
from lmloop.core.rows import Rows
from lmloop.nn.activity import activity, at_checkpoint, quiet_share
from lmloop.nn.decoder import seeded
from lmloop.nn.shape import Shape


def shape(activation: str) -> Shape:
    return Shape(50, 2, 16, 2, 2, 8, 24, 8, activation=activation)


def rows() -> Rows:
    ids = np.random.default_rng(0).integers(0, 50, (3, 9))
    places = np.broadcast_to(np.arange(8), (3, 8)).copy()
    return Rows(ids[:, :-1].copy(), ids[:, 1:].copy(), places, np.zeros_like(places))


def plain(values: list[float], faint: float) -> float:
    """Take activations from the smallest on, as long as their squares stay below the share."""
    squares = sorted(value * value for value in values)
    return sum(sum(squares[: n + 1]) <= faint * sum(squares) for n in range(len(squares))) / len(squares)


@given(st.lists(st.integers(-8, 8).map(float), min_size=1, max_size=12), st.sampled_from([0.0, 0.125, 0.5]))
def test_the_quiet_share_is_that_of_the_plain_way(values: list[float], faint: float) -> None:
    assert float(quiet_share(torch.tensor([values]), faint)[0]) == pytest.approx(plain(values, faint))


def test_relu_has_zeros_and_silu_has_none_and_the_loss_is_the_models() -> None:
    for name in ("relu", "silu"):
        model = seeded(shape(name), 1)
        found = activity(model, [rows(), rows()], 0.01)
        assert len(found.zeros) == len(found.quiet) == 2
        assert all((0.3 < share < 0.7) is (name == "relu") for share in found.zeros)
        assert all(quiet >= zero for quiet, zero in zip(found.quiet, found.zeros, strict=True))
        logits = model(torch.from_numpy(rows().tokens_BT))
        wanted = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(rows().targets_BT).flatten())
        assert found.loss == pytest.approx(wanted.item(), rel=1e-5)


def test_a_gate_that_is_shut_makes_all_quiet() -> None:
    model = seeded(shape("relu"), 1)
    with torch.no_grad():
        model.model.layers[0].mlp.gate_proj.weight.zero_()
    found = activity(model, [rows()], 0.01)
    assert (found.zeros[0], found.quiet[0]) == (1.0, 1.0)
    assert found.zeros[1] < 1


def test_a_checkpoint_that_is_not_there_is_told(tmp_path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        at_checkpoint(shape("silu"), tmp_path)
