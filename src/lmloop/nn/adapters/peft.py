"""The form in which ``peft`` keeps LoRA, DoRA, rsLoRA and IA3, in both directions.

What we write of these methods is what ``peft`` reads, and the logits are the same.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from lmloop.core.errors import DataError
from lmloop.core.method import Method, build_method
from lmloop.nn.adapters.adapted import Adapted
from lmloop.nn.adapters.lowrank import LowRankRider
from lmloop.nn.adapters.rescale import RescaleRider

PREFIX = "base_model.model."
NOT_READ: dict[str, Any] = {
    "bias": "none",
    "modules_to_save": None,
    "rank_pattern": {},
    "alpha_pattern": {},
    "layer_replication": None,
    "target_parameters": None,
    "trainable_token_indices": None,
    "exclude_modules": None,
    "lora_bias": False,
    "use_qalora": False,
    "fan_in_fan_out": False,
}
"""Settings of ``peft`` that change what an adapter computes, with the values at which they do not."""

CHANGED_BASE = ("pissa", "olora", "loftq", "corda", "eva")
"""Ways to begin that change the base, too: such an adapter fits only the base it began with."""


def writes(adapted: Adapted) -> bool:
    """Say whether ``peft`` has a form for an adapter: one pair or one vector a place, without a router."""
    riders = adapted.riders().values()
    plain = all(isinstance(rider, LowRankRider | RescaleRider) and rider.site.experts == 1 for rider in riders)
    return plain and len({type(rider) for rider in riders}) == 1 and adapted.gate() is None


def tensors(adapted: Adapted) -> dict[str, Tensor]:
    """Give an adapter's tensors under the names of ``peft``."""
    found: dict[str, Tensor] = {}
    for place, rider in adapted.riders().items():
        if isinstance(rider, LowRankRider):
            found |= pair(place, rider.A[0], rider.B[0].T)
            if rider.magnitude is not None:
                found[f"{PREFIX}{place}.lora_magnitude_vector"] = rider.magnitude
        else:
            rescale = cast(RescaleRider, rider)
            shape = (-1, 1) if rescale.site.side == "output" else (1, -1)
            found[f"{PREFIX}{place}.ia3_l"] = rescale.vectors.reshape(shape)
    return {name: value.detach().cpu().contiguous() for name, value in found.items()}


def pair(place: str, A_RI: Tensor, B_OR: Tensor) -> dict[str, Tensor]:
    """Name the two matrices of one place."""
    return {f"{PREFIX}{place}.lora_A.weight": A_RI, f"{PREFIX}{place}.lora_B.weight": B_OR}


def config(adapted: Adapted, base: str) -> dict[str, Any]:
    """Say in the words of ``peft`` what an adapter is."""
    riders = adapted.riders()
    first = next(iter(riders.values()))
    if isinstance(first, LowRankRider):
        rank, magnitude = first.site.rank, first.magnitude is not None
        return lora_config(list(riders), rank, first.site.scale * rank, base) | {
            "lora_dropout": first.site.dropout,
            "use_dora": magnitude,
        }
    inputs = [place for place, rider in riders.items() if cast(RescaleRider, rider).site.side == "input"]
    return {
        "peft_type": "IA3",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base or None,
        "inference_mode": True,
        "target_modules": list(riders),
        "feedforward_modules": inputs,
        "fan_in_fan_out": False,
    }


def lora_config(places: list[str], rank: int, alpha: float, base: str) -> dict[str, Any]:
    """Give the settings of a plain LoRA; places are named one by one, so that no other of the same role is meant."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base or None,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "target_modules": places,
        "bias": "none",
        "fan_in_fan_out": False,
        "use_rslora": False,
        "use_dora": False,
    }


def method(said: Mapping[str, Any], found: Mapping[str, Tensor]) -> Method:
    """Give the method of an adapter that ``peft`` wrote.

    Raises:
        DataError: it is of a kind, or has a setting, that is not read.
    """
    kind = said.get("peft_type")
    if kind not in ("LORA", "IA3"):
        raise DataError(f"an adapter of the type {kind!r} cannot be read", hint="LORA and IA3 can")
    odd = [name for name, plain in NOT_READ.items() if said.get(name) not in (plain, None, [], {})]
    if str(said.get("init_lora_weights")).split("_")[0] in CHANGED_BASE:
        odd.append("init_lora_weights")
    if odd:
        raise DataError(f"the adapter's setting {odd[0]} = {said[odd[0]]!r} cannot be read")
    places = list(dict.fromkeys(_place(name) for name in found))
    if kind == "IA3":
        inputs = [place for place in places if found[f"{PREFIX}{place}.ia3_l"].shape[0] == 1]
        outputs = [place for place in places if place not in inputs]
        spec: dict[str, Any] = {"use": "ia3", "outputs": _exactly(outputs), "inputs": _exactly(inputs)}
    else:
        use = "dora" if said.get("use_dora") else "rslora" if said.get("use_rslora") else "lora"
        alpha, dropout = float(said["lora_alpha"]), float(said.get("lora_dropout") or 0.0)
        spec = {"use": use, "rank": said["r"], "alpha": alpha, "dropout": dropout, "targets": _exactly(places)}
        if use == "dora" and said.get("use_rslora"):
            spec["alpha"] = alpha * said["r"] ** 0.5
    return build_method(spec)


def fill(adapted: Adapted, found: Mapping[str, Tensor]) -> None:
    """Copy tensors that ``peft`` wrote into an adapter.

    Raises:
        DataError: one is missing, unknown, or of another size.
    """
    wanted = {name: _slot(adapted, name) for name in tensors(adapted)}
    if missing := sorted(wanted.keys() ^ found.keys()):
        what = "is missing" if missing[0] in wanted else "fits nowhere on this model"
        raise DataError(f"the adapter's tensor {missing[0]} {what}")
    with torch.no_grad():
        for name, (slot, turned) in wanted.items():
            value = found[name].T if turned else found[name]
            if value.numel() != slot.numel() or (turned and value.shape != slot.shape):
                raise DataError(f"the adapter's tensor {name} has the size {tuple(found[name].shape)}: another model's")
            slot.copy_(value.reshape(slot.shape))


def _slot(adapted: Adapted, name: str) -> tuple[Tensor, bool]:
    rider: Any = adapted.riders()[_place(name)]
    if name.endswith("lora_A.weight"):
        return rider.A[0], False
    if name.endswith("lora_B.weight"):
        return rider.B[0], True
    return (rider.magnitude if name.endswith("magnitude_vector") else rider.vectors), False


def _place(name: str) -> str:
    """Give the place that a tensor's name stands for."""
    plain = name.removeprefix(PREFIX)
    for ending in (".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector", ".ia3_l"):
        if plain.endswith(ending):
            return plain.removesuffix(ending)
    raise DataError(f"the adapter's tensor {name} is not known")


def _exactly(places: list[str]) -> list[str]:
    """Give targets that mean these places and no others."""
    return [re.escape(place) for place in places]
