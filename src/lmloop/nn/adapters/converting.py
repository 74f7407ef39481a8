"""Mixtures turned into ordinary LoRAs, and ordinary LoRAs into mixtures.

What a method cannot give exactly is said with its error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from lmloop.core.errors import DataError, LmloopError
from lmloop.core.method import Method
from lmloop.nn.adapters import files, peft
from lmloop.nn.adapters.adapted import Adapted
from lmloop.nn.adapters.attach import attach
from lmloop.nn.adapters.factors import Factors
from lmloop.nn.adapters.feedforward import FeedForwardRider
from lmloop.nn.adapters.lowrank import LowRankRider
from lmloop.nn.adapters.merging import task_gates


@dataclass(frozen=True, slots=True)
class Slot:
    """The experts of one linear, of a mixture: ``A`` (E, R, I), ``B`` (E, R, O), and how much B is scaled."""

    A: Tensor
    B: Tensor
    scale: float
    block: str

    def expert(self, number: int) -> Factors:
        """Give the change of one expert."""
        return Factors(self.A[number].detach(), self.B[number].detach() * self.scale)


def slots(adapted: Adapted) -> dict[str, Slot]:
    """Give the experts of each linear, by the linear's path; those inside a feed-forward block, too.

    Raises:
        LmloopError: something on the model is no low-rank change.
    """
    found: dict[str, Slot] = {}
    for place, rider in adapted.riders().items():
        if isinstance(rider, LowRankRider) and rider.magnitude is None:
            found[place] = Slot(rider.A, rider.B, rider.site.scale, place)
        elif isinstance(rider, FeedForwardRider) and not rider.form.fused:
            pairs = {
                rider.form.gate: (rider.A_gate, rider.B_gate),
                rider.form.up: (rider.A_up, rider.B_up),
                rider.form.down: (rider.A_down, rider.B_down),
            }
            for name, (A, B) in pairs.items():
                if name is not None:
                    found[f"{place}.{name}"] = Slot(cast(Tensor, A), cast(Tensor, B), rider.site.scale, place)
        else:
            raise LmloopError(f"{adapted.method.name()} has parts that are no low-rank changes of linears: {place}")
    return found


def expert(adapted: Adapted, number: int, folder: Path, base: str = "") -> None:
    """Write one expert as an ordinary LoRA in ``peft``'s form; what all experts share is in it, too.

    Raises:
        LmloopError: a place has no expert of that number.
    """
    lora = {}
    for place, slot in slots(adapted).items():
        count = len(slot.A)
        if count > 1 and not 0 <= number < count:
            raise LmloopError(f"{place} has the experts 0 to {count - 1}, and no expert {number}")
        lora[place] = slot.expert(number if count > 1 else 0)
    write_lora(folder, lora, base)


def tasks(adapted: Adapted, folder: Path, names: Sequence[str], base: str = "") -> list[Path]:
    """Write an adapter that weighs by task as one ordinary LoRA a task, in folders of those names: an exact copy.

    ``names`` are those of the tasks 0, 1, and so on.

    Raises:
        LmloopError: it weighs by something else.
    """
    if adapted.gate() is None:
        raise LmloopError(f"{adapted.method.name()} does not weigh its experts by task")
    found = slots(adapted)
    for task, name in enumerate(names):
        gates_E = cast(Tensor, task_gates(adapted, task))
        lora = {
            place: Factors.total([(float(gate), slot.expert(number)) for number, gate in enumerate(gates_E)])
            for place, slot in found.items()
        }
        write_lora(folder / name, lora, base)
    return [folder / name for name in names]


def distil(
    adapted: Adapted, rank: int, folder: Path, base: str = "", loads: Mapping[str, Sequence[float]] | None = None
) -> dict[str, float]:
    """Write the mean of a mixture's changes as one LoRA, cut to a rank; give the share of each that the cut loses.

    Experts are weighed by ``loads``, the share of all weight that each had, by the router's place; else by what they
    had while the model was watched, and equally where it was not. That each token had its own experts is lost in any
    case: see how far the logits are apart.

    Raises:
        LmloopError: something on the model is no low-rank change.
    """
    known = loads or {place: told["load"] for place, told in adapted.routing().items()}
    lora, lost = {}, {}
    for place, slot in slots(adapted).items():
        count = len(slot.A)
        load = known.get(slot.block, [1 / count] * count)
        whole = Factors.total([(share, slot.expert(number)) for number, share in enumerate(load)])
        lora[place], lost[place] = whole.cut(rank)
    write_lora(folder, lora, base)
    return lost


def upcycle(
    model: nn.Module, method: Method, folders: Sequence[Path], seed: int = 0, name: str = "default"
) -> tuple[Adapted, dict[str, float]]:
    """Begin a mixture from trained LoRAs: each becomes an expert, in turn until there are enough; routers are new.

    Where a place has no experts, it gets the mean of the LoRAs. Gives, too, the share of each place's changes that is
    lost because the method's rank is too small; 0 where nothing is.

    Raises:
        DataError: a folder holds no LoRA, or one of other places.
    """
    loras = [read_lora(folder) for folder in folders]
    if not loras:
        raise DataError("there are no LoRAs to begin from")
    adapted = attach(model, method, seed, name)
    found, lost = slots(adapted), {}
    for place in {place for lora in loras for place in lora} - found.keys():
        adapted.remove()
        raise DataError(f"{method.name()} puts no experts on {place}, where a LoRA sits", hint="widen its targets")
    for place, slot in found.items():
        changes = [lora[place] for lora in loras if place in lora]
        if not changes:
            continue
        count = len(slot.A)
        wanted = [changes[number % len(changes)] for number in range(count)]
        if count == 1:
            wanted = [Factors.total([(1 / len(changes), change) for change in changes])]
        lost[place] = max(_fill(slot, number, change) for number, change in enumerate(wanted))
    return adapted, lost


def read_lora(folder: Path) -> dict[str, Factors]:
    """Read an ordinary LoRA.

    Raises:
        DataError: it is none.
    """
    said, found = files.read(folder)
    if said.get("peft_type") != "LORA" or said.get("use_dora"):
        raise DataError(f"{folder} holds no plain LoRA")
    method: Any = peft.method(said, found)
    scale = method.alpha / (method.rank**0.5 if method.name() == "rslora" else method.rank)
    names = {name.removesuffix(".lora_A.weight") for name in found if name.endswith(".lora_A.weight")}
    return {
        name.removeprefix(peft.PREFIX): Factors(
            found[f"{name}.lora_A.weight"], found[f"{name}.lora_B.weight"].T * scale
        )
        for name in sorted(names)
    }


def write_lora(folder: Path, lora: Mapping[str, Factors], base: str = "") -> None:
    """Write an ordinary LoRA in ``peft``'s form; its scale is 1, as it is in B. Smaller ranks are filled with 0."""
    folder.mkdir(parents=True, exist_ok=True)
    rank = max(len(change.A) for change in lora.values())
    tensors: dict[str, Tensor] = {}
    for place, change in lora.items():
        missing = (0, 0, 0, rank - len(change.A))
        A, B = (nn.functional.pad(one.detach().cpu(), missing) for one in (change.A, change.B))
        tensors |= peft.pair(place, A, B.T)
    files.write(folder, tensors, peft.lora_config(list(lora), rank, float(rank), base))


def _fill(slot: Slot, number: int, change: Factors) -> float:
    """Make a change an expert, cut or filled to the expert's rank; give the share of it that is lost."""
    rank, lost = slot.A.shape[1], 0.0
    if len(change.A) > rank:
        change, lost = change.cut(rank)
    with torch.no_grad():
        missing = (0, 0, 0, rank - len(change.A))
        # where the ranks are more than are needed, A stays as it was drawn and B is 0: they can still be learned
        slot.A[number, : len(change.A)] = change.A.to(slot.A)
        slot.B[number] = nn.functional.pad(change.B / slot.scale, missing).to(slot.B)
    return lost
