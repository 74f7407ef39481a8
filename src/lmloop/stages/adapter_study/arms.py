"""What each study compares: its arms, and a LoRA of equal size beside each mixture."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Spec: TypeAlias = dict[str, Any]
Study: TypeAlias = Literal["conflict", "balance", "layers", "softness", "forgetting"]

LORA = "LoRA of equal size"
MOST = 64
PRACTISED = 0.1
"""The share of rows about what the base knows that is mixed in where forgetting is studied."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A method under a name, and how many dialects it learns."""

    name: str
    method: Mapping[str, Any]
    dialects: int
    practised: float = 0.0


def arms_of(study: Study, dialects: int, count: Callable[[Spec], int]) -> list[Arm]:
    """Give the arms of a study; ``count`` says how many weights a method trains."""
    made: dict[Study, Callable[[int, Callable[[Spec], int]], list[Arm]]] = {
        "conflict": _conflict,
        "balance": _balance,
        "layers": _layers,
        "softness": _softness,
        "forgetting": _forgetting,
    }
    return made[study](dialects, count)


def equal(wanted: int, make: Callable[[int], Spec], count: Callable[[Spec], int]) -> Spec:
    """Give the method whose number of trained weights comes closest to what is wanted; of two, the smaller.

    ``make`` gives a method for 1, 2, 3, ...: each trains more than the one before it.
    """
    best = make(1)
    for size in range(2, MOST + 1):
        other = make(size)
        if abs(count(other) - wanted) >= abs(count(best) - wanted):
            break
        best = other
    return best


def lora(rank: int) -> Spec:
    """Give a LoRA on all linears, of scale 2, without dropout: no training here is long enough to need it."""
    return {"use": "lora", "rank": rank, "alpha": 2.0 * rank, "dropout": 0.0}


def mixlora(balance: float = 0.01) -> Spec:
    """Give a MixLoRA of eight experts of rank 1, of scale 2."""
    return {"use": "mixlora", "rank": 1, "alpha": 2.0, "dropout": 0.0, "balance": balance}


def _conflict(dialects: int, count: Callable[[Spec], int]) -> list[Arm]:
    found, number = [], 1
    while number <= dialects:
        wanted, tasks = count(mixlora()), number + 1

        def by_task(experts: int, tasks: int = tasks) -> Spec:
            size = {"experts": experts, "rank": experts, "alpha": 2.0 * experts, "task_width": 16}
            return {"use": "moelora", "dropout": 0.0, "tasks": tasks, **size}

        found += [
            Arm(LORA, equal(wanted, lora, count), number),
            Arm("MixLoRA", mixlora(), number),
            Arm("MOELoRA", equal(wanted, by_task, count), number),
        ]
        number *= 2
    return found


def _balance(dialects: int, count: Callable[[Spec], int]) -> list[Arm]:
    named = {"without": 0.0, "0.01, as published": 0.01, "0.1": 0.1}
    return [Arm(name, mixlora(strength), dialects) for name, strength in named.items()]


def _layers(dialects: int, count: Callable[[Spec], int]) -> list[Arm]:
    named = {"2468, more above": "2468", "8642, more below": "8642", "2882, more in the middle": "2882", "5555": "5555"}
    return _beside_lora({name: _mola(pattern) for name, pattern in named.items()}, dialects, count)


def _softness(dialects: int, count: Callable[[Spec], int]) -> list[Arm]:
    named = {"one of eight": 1, "two of eight": 2, "all eight, softly": 8}
    found = {name: _mola("8", top_k=top_k, balance=0.0) for name, top_k in named.items()}
    return _beside_lora(found, dialects, count)


def _forgetting(dialects: int, count: Callable[[Spec], int]) -> list[Arm]:
    def loramoe(balance: float, tilt: float = 0.1) -> Spec:
        size = {"rank": 1, "alpha": 2.0, "dropout": 0.0, "knowledge": [0]}
        return {"use": "loramoe", "balance": balance, "tilt": tilt, **size}

    named = {
        "LoRAMoE without it": loramoe(0.0),
        "LoRAMoE, as published": loramoe(0.1),
        "LoRAMoE, tilt -0.1": loramoe(0.1, -0.1),
    }
    return _beside_lora(named, dialects, count, PRACTISED, ["ffn"])


def _mola(pattern: str, **more: Any) -> Spec:
    return {"use": "mola", "experts": pattern, "rank": 1, "alpha": 2.0, "dropout": 0.0, **more}


def _beside_lora(
    named: Mapping[str, Spec],
    dialects: int,
    count: Callable[[Spec], int],
    practised: float = 0.0,
    targets: list[str] | None = None,
) -> list[Arm]:
    wanted = count(next(iter(named.values())))
    same = equal(wanted, lambda rank: {**lora(rank), "targets": targets or ["all"]}, count)
    return [Arm(name, method, dialects, practised) for name, method in {LORA: same, **named}.items()]
