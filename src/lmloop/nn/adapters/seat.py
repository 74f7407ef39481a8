"""A seat: a module of the base that adapters sit on. Its class is changed in place, so every name of the base stays."""

from abc import abstractmethod
from dataclasses import replace
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn

from lmloop.core.errors import DataError
from lmloop.nn.adapters.frame import Frame, by_adapter


class Rider(nn.Module):
    """What sits on a seat: it computes the seat's output with its change."""

    @abstractmethod
    def begin(self, chance: torch.Generator) -> None:
        """Draw the first weights: the output is then that of the bare module."""

    @abstractmethod
    def forward(self, seat: "Seat", x: Tensor, frame: Frame, place: tuple[str, str]) -> Tensor:
        """Give the seat's output, with the change."""


class Seat(nn.Module):
    """A module with adapters under their names; whose turn it is stands in the frame."""

    adapters: nn.ModuleDict
    frame: Frame
    place: str

    def forward(self, x: Tensor, *rest: Any, **more: Any) -> Tensor:
        """Compute with the adapter that is active; each row with its own where a batch is divided among several."""
        inputs = self.frame.inputs
        if isinstance(inputs.active, tuple):
            return self._divided(x, inputs.active)
        name = inputs.active
        if name is None or name not in self.adapters:
            return cast(Tensor, super().forward(x, *rest, **more))
        out: Tensor = self.adapters[name](self, x, self.frame, (name, self.place))
        return out

    def bare(self, x: Tensor) -> Tensor:
        """Compute what the module gives without an adapter on itself."""
        return cast(Tensor, super().forward(x))

    def _divided(self, x: Tensor, active: tuple[str | None, ...]) -> Tensor:
        if not any(name in self.adapters for name in active if name is not None):
            return self.bare(x)
        if len(x) != len(active):
            raise DataError(f"{len(active)} adapters were named for a batch of {len(x)} rows")
        inputs, parts, order = self.frame.inputs, [], []
        for name, rows in by_adapter(active, x.device):
            with self.frame.changed(replace(inputs, active=name, rows=rows)):
                parts.append(self(x[rows]))
            order.append(rows)
        return torch.cat(parts)[torch.cat(order).argsort()]


def seats(model: nn.Module) -> list[Seat]:
    """List the modules of a model that adapters sit on."""
    return [module for module in model.modules() if isinstance(module, Seat)]


def adapter_names(model: nn.Module) -> list[str]:
    """List the adapters on a model."""
    return list(dict.fromkeys(name for one in seats(model) for name in one.adapters))


def seat(module: nn.Module, frame: Frame, place: str) -> "Seat":
    """Make a module a seat, if it is none yet."""
    made = cast(Seat, module)
    if not isinstance(module, Seat):
        module.__class__ = _seated(type(module))  # type: ignore[arg-type]
        made.adapters, made.frame, made.place = nn.ModuleDict(), frame, place
    return made


def unseat(module: "Seat") -> None:
    """Make a seat the plain module that it was."""
    module.__class__ = plain_class(module)  # type: ignore[assignment]
    for name in ("adapters", "frame", "place"):
        delattr(module, name)


def plain_class(module: nn.Module) -> type[nn.Module]:
    """Give the class that a module had before adapters sat on it."""
    return type(module).__mro__[2] if isinstance(module, Seat) else type(module)


@cache
def _seated(plain: type[nn.Module]) -> type[nn.Module]:
    return type(f"Seated{plain.__name__}", (Seat, plain), {})
