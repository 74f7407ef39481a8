"""Training steps of every method beside ``peft``'s LoRA, and beside the ``moe_peft`` package where it is installed.

Run it with ``python benchmarks/finetune.py`` (it needs ``transformers`` and ``peft``). All methods train the same
frozen model, Llama-like, in fp32 and with one thread; a step is forward, backward and AdamW. Rounds alternate between
all of them, so that other work on the machine disturbs all alike; a figure is the median processor time of a step
divided by that of ``peft``'s LoRA of rank 8 on the same linears. ``bytes`` are what a forward pass saves for the
backward pass, weights left out.

``--peer`` also trains with ``moe_peft``, from an interpreter that has it and its pinned packages; ``lmloop`` is then
taken from PYTHONPATH. Its gradient checkpointing, which it cannot turn off, is left out, which favours it.
"""

import argparse
import copy
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, cast

import torch

from lmloop.core.method import Method
from lmloop.core.part import build
from lmloop.nn.adapters.attach import attach

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
FFN = ["gate_proj", "up_proj", "down_proj"]
ALL = [*ATTENTION, *FFN]


@dataclass
class Contender:
    """Something that is trained: a step, the LoRA it is measured by, and the figure it should reach."""

    step: Callable[[], None]
    forward: Callable[[], Any]
    weights: list[torch.nn.Parameter]
    beside: str
    wanted: float | None = None
    seconds: list[float] = field(default_factory=list)
    bytes: int = 0


def main() -> None:
    """Print a line for each method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--only", default="", help="a part of the names, several parted by |")
    parser.add_argument("--peer", action="store_true", help="train with moe_peft, too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    base = _base(options)
    tokens = torch.randint(4, 8000, (options.rows, options.length))
    contenders = _contenders(base, tokens, options)
    for one in contenders.values():
        one.bytes = _saved_bytes(one)
        one.step()
    for _ in range(options.rounds):
        for one in contenders.values():
            start = time.process_time()
            one.step()
            one.seconds.append(time.process_time() - start)
    print(
        f"torch {torch.__version__}, dropout {options.dropout}, {options.rounds} rounds, load {os.getloadavg()[0]:.0f}"
    )
    _report(contenders)


def _report(contenders: dict[str, Contender]) -> None:
    print(f"{'':34} weights   step s   ratio of median / least   wanted   bytes")
    for name, one in contenders.items():
        beside = contenders.get(one.beside, one)
        count = sum(weight.numel() for weight in one.weights) / 1e6
        ratio, least = median(one.seconds) / median(beside.seconds), min(one.seconds) / min(beside.seconds)
        wanted = f"{one.wanted:.2f}" if one.wanted else ""
        print(
            f"{name:34} {count:5.2f} M   {median(one.seconds):.3f}        {ratio:.2f} / {least:.2f}"
            f"            {wanted:>4}    {one.bytes / max(beside.bytes, 1):.2f}"
        )


def _base(options: argparse.Namespace) -> Any:
    transformers: Any = import_module("transformers")
    config = transformers.LlamaConfig(
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=options.layers,
        num_attention_heads=8,
        num_key_value_heads=8,
        vocab_size=8000,
        max_position_embeddings=512,
        use_cache=False,
        tie_word_embeddings=False,
    )
    return transformers.LlamaForCausalLM(config).float()


def _contenders(base: Any, tokens: torch.Tensor, options: argparse.Namespace) -> dict[str, Contender]:
    drop = {"dropout": options.dropout}

    def ours(beside: str, wanted: float | None = None, **spec: Any) -> Callable[[], Contender]:
        return lambda: _ours(copy.deepcopy(base), tokens, beside, wanted, spec)

    def peft(targets: list[str], rank: int, beside: str) -> Callable[[], Contender]:
        return lambda: _peft(copy.deepcopy(base), tokens, targets, rank, (beside, options.dropout))

    ffn, every = "peft LoRA ffn r8", "peft LoRA all r8"
    lora = {"use": "lora", "rank": 8, "alpha": 16, **drop}
    mixture = {"experts": 8, "rank": 8, "alpha": 16, **drop}
    ways: dict[str, Callable[[], Contender]] = {
        ffn: peft(FFN, 8, ffn),
        every: peft(ALL, 8, every),
        "peft LoRA ffn r64": peft(FFN, 64, ffn),
        "peft LoRA all r64": peft(ALL, 64, every),
        "LoRA ffn r8": ours(ffn, 1.0, **lora, targets=["ffn"]),
        "LoRA all r8": ours(every, 1.0, **lora),
        "MixLoRA E8 k2 r8": ours(ffn, 1.15, use="mixlora", top_k=2, attention=[], **mixture),
        "LoRAMoE E8 r8": ours(ffn, 1.10, use="loramoe", balance=0.01, **mixture),
        "PESC E8 k2": ours(ffn, 1.0, use="pesc", width=8, top_k=2, targets=[], experts=8, **drop),
        "MoV E8": ours(ffn, 1.05, use="mov", experts=8),
        "MoLA ffn E8 k2 r8": ours(ffn, None, use="mola", targets=["ffn"], **{**mixture, "experts": "8"}),
        "MoLA 2468 k2 all r8": ours(every, 1.10, use="mola", rank=8, alpha=16, **drop),
        "MoLoRA E8 all r8": ours(every, 1.15, use="molora", **mixture),
        "MOELoRA E8 all r16": ours(every, 1.05, use="moelora", experts=8, rank=16, **drop),
        "DoRA all r8": ours(every, None, use="dora", rank=8, alpha=16, **drop),
        "IA3": ours(ffn, None, use="ia3"),
    }
    if options.peer:
        peer: Any = import_module("peers.moe_peft_steps")
        ways |= peer.contenders(Contender, base, tokens, options)
    chosen = options.only.split("|")
    wanted = [name for name in ways if any(part in name for part in chosen)]
    if options.only:
        wanted = list(dict.fromkeys([ffn, every, *wanted]))
    return {name: ways[name]() for name in wanted}


def _ours(model: Any, tokens: torch.Tensor, beside: str, wanted: float | None, spec: dict[str, Any]) -> Contender:
    adapted = attach(model.train(), cast(Method, build("methods", spec)))
    tasks, mask = torch.arange(len(tokens)) % 2, torch.ones_like(tokens, dtype=torch.bool)

    def forward() -> Any:
        adapted.feed(mask, tasks)
        return model(input_ids=tokens, labels=tokens).loss + adapted.aux_loss()

    return _trained(forward, adapted.parameters(), beside, wanted)


def _peft(model: Any, tokens: torch.Tensor, targets: list[str], rank: int, more: tuple[str, float]) -> Contender:
    peft: Any = import_module("peft")
    settings = peft.LoraConfig(r=rank, lora_alpha=16, lora_dropout=more[1], target_modules=targets)
    wrapped = peft.get_peft_model(model, settings).train()
    weights = [weight for weight in wrapped.parameters() if weight.requires_grad]
    return _trained(lambda: wrapped(input_ids=tokens, labels=tokens).loss, weights, more[0], None)


def _trained(
    forward: Callable[[], Any], weights: list[torch.nn.Parameter], beside: str, wanted: float | None
) -> Contender:
    for weight in weights:
        if not weight.any():  # what begins at 0 would leave products out
            torch.nn.init.normal_(weight, 0.0, 0.01)
    optimizer = torch.optim.AdamW(weights, lr=1e-4, foreach=True)

    def step() -> None:
        forward().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return Contender(step, forward, weights, beside, wanted)


def _saved_bytes(one: Contender) -> int:
    """Count the memory of what a forward pass keeps; weights and their casts have no part in it."""
    seen: dict[int, int] = {}
    own = {id(weight) for weight in one.weights}

    def keep(value: torch.Tensor) -> torch.Tensor:
        if not isinstance(value, torch.nn.Parameter) and id(value) not in own:
            seen[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        loss = one.forward()
    del loss
    return sum(seen.values())


if __name__ == "__main__":
    import sys

    sys.path.append(str(Path(__file__).parent))
    main()
