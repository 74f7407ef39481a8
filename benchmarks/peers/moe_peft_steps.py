"""Training steps of the ``moe_peft`` package, for ``benchmarks/finetune.py``; run by an interpreter that has it."""

import tempfile

import moe_peft
import torch
from moe_peft.common import LLMBatchConfig, LLMModelInput

FFN = ["gate_proj", "up_proj", "down_proj"]
KINDS = {
    "moe_peft LoRA ffn r8": ("LORA", None, {}),
    "moe_peft MixLoRA E8 k2 r8": ("MIXLORA", 1.3, {"routing_strategy": "mixlora", "num_experts": 8, "top_k": 2}),
    "moe_peft LoRAMoE E8 r8": ("LORAMOE", 2.3, {"routing_strategy": "loramoe", "num_experts": 8}),
    "moe_peft MoLA ffn E8 k2 r8": ("MOLA", 1.3, {"routing_strategy": "mola", "num_experts": 8, "top_k": 2}),
}


def contenders(make, base, tokens, options):
    """Give a way to make each contender."""
    return {name: lambda kind=kind: contender(make, base, tokens, kind, options) for name, kind in KINDS.items()}


def contender(make, base, tokens, kind, options):
    """Load the model anew and put one adapter on it."""
    use, _, settings = kind
    with tempfile.TemporaryDirectory() as folder:
        base.save_pretrained(folder)
        model = moe_peft.LLMModel.from_pretrained(folder, device="cpu", load_dtype=torch.float32)
    model.init_adapter(
        moe_peft.adapter_factory(
            peft_type=use,
            adapter_name="one",
            r=8,
            lora_alpha=16,
            lora_dropout=options.dropout,
            target_modules=FFN,
            router_loss=True,
            **settings,
        )
    )
    weights = list(model.get_adapter_weight_dict("one").values())
    for weight in weights:
        weight.requires_grad_(True)
        if not weight.any():
            torch.nn.init.normal_(weight, 0.0, 0.01)
    optimizer = torch.optim.AdamW(weights, lr=1e-4, foreach=True)

    def forward():
        (out,) = model.forward(
            LLMModelInput(
                batch_configs_=[LLMBatchConfig("one", 0, len(tokens))],
                batch_tokens_=tokens,
                batch_labels_=tokens,
                batch_masks_=torch.ones_like(tokens),
                output_router_logits_=True,
                gradient_checkpoint_="none",
            )
        )
        return out.loss if out.aux_loss is None else out.loss + out.aux_loss

    def step():
        forward().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return make(step, forward, weights, "peft LoRA ffn r8")
