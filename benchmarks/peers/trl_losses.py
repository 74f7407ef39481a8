"""The losses and gradients of ``trl``'s own trainers on log-probabilities that a formula gives.

Run it with an interpreter that has ``trl``, torch and transformers: ``python benchmarks/peers/trl_losses.py OUT.json``.
What it writes is kept in ``tests/nn/goldens/trl.json``, and a test holds our goals to it. Each trainer's own method
computes the loss; it is only spared the model: what that would say is the table that :func:`logprobs` makes.
"""

import json
import math
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import torch

LENGTHS = (3, 5, 6, 2, 4, 4, 6, 1)
"""The tokens of eight replies: by turns a better and a worse one; behind them nothing counts."""
PROMPT, PLACES, REWARDS = 2, 6, (1.0, 0.0, 0.5, 0.25, 0.0, 0.0, 1.0, 0.75)


def logprobs(shift: float) -> torch.Tensor:
    """Give log-probabilities of eight replies, (8, 6): 0 where nothing counts."""
    places = torch.arange(len(LENGTHS) * PLACES, dtype=torch.float64).view(len(LENGTHS), PLACES)
    return -(1.5 + torch.sin(1.7 * places + shift)) * counted()


def counted() -> torch.Tensor:
    """Give 1 where a token counts, (8, 6)."""
    return (torch.arange(PLACES)[None] < torch.tensor(LENGTHS)[:, None]).double()


def main(out: str) -> None:
    """Write the losses and the gradients with respect to each log-probability."""
    import transformers
    import trl

    found = {name: work() for name, work in WAYS.items()}
    said = {"trl": trl.__version__, "transformers": transformers.__version__, "torch": torch.__version__, **found}
    Path(out).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def stub(trainer: type, **settings: Any) -> Any:
    """Make a trainer that was never set up, but for what its loss reads."""

    def unknown(self: Any, name: str) -> Any:
        return MagicMock()

    made = object.__new__(type("Stub", (trainer,), {"__getattr__": unknown}))
    accelerator = SimpleNamespace(device=torch.device("cpu"), gather_for_metrics=lambda value: value, num_processes=1)
    accelerator.gather, accelerator.sync_gradients = accelerator.gather_for_metrics, True
    accelerator.reduce = lambda value, reduction: value
    plain = {
        "accelerator": accelerator,
        "aux_loss_enabled": False,
        "model": SimpleNamespace(training=True),
        "_metrics": defaultdict(lambda: defaultdict(list)),
        "_total_train_tokens": 0,
        "_tp_size": 1,
        "state": SimpleNamespace(num_input_tokens_seen=0),
    }
    for name, value in {**plain, **settings}.items():
        made.__dict__[name] = value
    return made


def result(loss: torch.Tensor, leaf: torch.Tensor) -> dict[str, Any]:
    """Give the mean loss and its gradient."""
    loss.backward()
    assert leaf.grad is not None
    return {"loss": loss.item(), "gradient": [[round(x, 9) for x in row] for row in leaf.grad.tolist()]}


def said(leaf: torch.Tensor) -> Any:
    """Make a model that says what is in a table."""
    logits = torch.zeros(*leaf.shape, 4, dtype=torch.float64)
    outputs = SimpleNamespace(log_probs=leaf, entropy=torch.zeros_like(leaf), logits=logits, aux_loss=None)
    # what they only log of a model
    outputs.mean_logits, outputs.is_top1 = torch.zeros_like(leaf), torch.zeros_like(leaf, dtype=torch.bool)
    return lambda **_: outputs


def inputs(order: list[int]) -> dict[str, torch.Tensor]:
    """Give rows as the trainers read them: a prompt of one token, so that places fall on those of the table."""
    mask = torch.cat([torch.zeros(len(order), 1), counted()[order]], 1).long()
    return {"input_ids": torch.ones_like(mask), "attention_mask": torch.ones_like(mask), "completion_mask": mask}


def pairs(loss: str, beta: float, smoothing: float = 0.0) -> dict[str, Any]:
    """DPO's trainer: better replies first, then the worse ones."""
    from trl import DPOTrainer

    order = [0, 2, 4, 6, 1, 3, 5, 7]
    leaf, referred = logprobs(0.0).requires_grad_(True), logprobs(0.3)
    trainer = stub(
        DPOTrainer,
        loss_types=[loss],
        loss_weights=[1.0],
        beta=beta,
        label_smoothing=smoothing,
        ld_alpha=None,
        precompute_ref_logps=True,
        f_divergence_type="reverse_kl",
        use_weighting=False,
    )
    better, worse = referred[order].sum(1).chunk(2)
    rows = inputs(order) | {"ref_chosen_logps": better, "ref_rejected_logps": worse}
    return result(trainer._compute_loss(said(leaf[order]), rows, False), leaf)


def kto() -> dict[str, Any]:
    """KTO's trainer: every second row is a reply to another question, for the reference point."""
    from trl import KTOTrainer

    replies, others = [0, 2, 4, 6], [1, 3, 5, 7]
    leaf, referred = logprobs(0.0).requires_grad_(True), logprobs(0.3)
    trainer = stub(
        KTOTrainer,
        loss_type="kto",
        beta=0.5,
        calculate_KL=True,
        precompute_ref_logps=True,
        desirable_weight=1.0,
        undesirable_weight=1.5,
        _compute_kl_logps=lambda *_: leaf[others].sum(1),
    )
    rows = inputs(replies) | {"label": torch.tensor([True, False, False, True])}
    rows |= {"ref_logps": referred[replies].sum(1), "ref_KL_logps": referred[others].sum(1)}
    return result(trainer._compute_loss(said(leaf[replies]), rows, False), leaf)


def orpo() -> dict[str, Any]:
    """ORPO's trainer: the ratio of odds alone, with its weight."""
    from trl.experimental.orpo import ORPOTrainer

    leaf = logprobs(0.0).requires_grad_(True)
    means = leaf.sum(1) / counted().sum(1)
    losses = stub(ORPOTrainer, beta=0.1).odds_ratio_loss(means[0::2], means[1::2])[0]
    return result(-losses.mean(), leaf)


def simpo() -> dict[str, Any]:
    """CPO's trainer with SimPO's loss, and without CPO's own likelihood beside it."""
    from trl.experimental.cpo import CPOTrainer

    leaf = logprobs(0.0).requires_grad_(True)
    means = leaf.sum(1) / counted().sum(1)
    trainer = stub(CPOTrainer, alpha=0.0, beta=2.0, loss_type="simpo", simpo_gamma=1.0, label_smoothing=0.0)
    return result(trainer.cpo_loss(means[0::2], means[1::2])[0].mean(), leaf)


def grpo(loss: str) -> dict[str, Any]:
    """GRPO's trainer: two questions with four replies each."""
    from trl import GRPOTrainer

    leaf, referred = logprobs(0.0).requires_grad_(True), logprobs(0.3)
    rewards = torch.tensor(REWARDS, dtype=torch.float64).view(2, 4)
    gains = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
    trainer = stub(
        GRPOTrainer,
        loss_type=loss,
        beta=0.02,
        top_entropy_quantile=1.0,
        off_policy_mask_threshold=None,
        importance_sampling_level="token",
        epsilon_low=0.2,
        epsilon_high=0.2,
        use_vllm=False,
        use_adaptive_entropy=False,
        entropy_coef=0.0,
        max_completion_length=PLACES,
        current_gradient_accumulation_steps=1,
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False),
        _get_per_token_logps_and_entropies=lambda *_, **__: (leaf, torch.zeros_like(leaf), None),
    )
    mask = counted().long()
    rows = {"prompt_ids": mask[:, :1], "prompt_mask": mask[:, :1], "completion_ids": mask, "completion_mask": mask}
    rows |= {"advantages": gains.flatten(), "ref_per_token_logps": referred}
    return result(trainer._compute_loss(said(leaf), rows), leaf)


WAYS = {
    "dpo": lambda: pairs("sigmoid", 0.3),
    "ipo": lambda: pairs("ipo", 0.3),
    "kto": kto,
    "orpo": orpo,
    "simpo": simpo,
    "grpo": lambda: grpo("grpo"),
    "dr_grpo": lambda: grpo("dr_grpo"),
}


if __name__ == "__main__":
    assert math.isfinite(float(logprobs(0.0).sum()))
    main(sys.argv[1])
