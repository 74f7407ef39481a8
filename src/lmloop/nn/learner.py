"""What a trainer trains: weights together with what they are to minimise, and all that a trainer must know of them."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lmloop.core.rows import Rows
from lmloop.nn.compiling import compiled
from lmloop.nn.optimizer import optimizers
from lmloop.nn.training import Update


class Learner(nn.Module):
    """A model with its loss in one module, so that wrappers for many ranks see the whole forward pass.

    ``decoder`` is the model; of its weights those in :meth:`trained` are trained, clipped and saved.
    """

    decoder: Any
    shows: tuple[str, ...] = ("loss",)
    """What the second result of a forward pass holds sums of; the first of them is the loss that people see."""
    compiles: bool = True
    """Whether compiling can pay: not where shapes hang on what is in the rows, as each new one is compiled anew."""

    @abstractmethod
    def forward(self, *arguments: Any) -> tuple[Tensor, Tensor]:
        """Give the sum over what is learnt that is to be minimised, and the sums of what is shown."""

    @abstractmethod
    def arguments(self, rows: Rows, device: torch.device) -> tuple[Any, ...]:
        """Give the arguments of a forward pass over some rows."""

    def trained(self) -> list[tuple[str, nn.Parameter]]:
        """List the weights that are trained, by name; a tied one once."""
        return [(name, weight) for name, weight in self.decoder.named_parameters() if weight.requires_grad]

    @property
    def layers(self) -> Iterable[nn.Module]:
        """The parts that are gathered one at a time where weights are spread over ranks."""
        found: Iterable[nn.Module] = self.decoder.model.layers
        return found

    def flops_per_token(self, context: int) -> int:
        """Count floating-point operations of one trained token, forward and backward."""
        found: int = self.decoder.shape.flops_per_token(context)
        return found

    def recompute(self, on: bool) -> None:
        """Keep less for the backward pass, and compute it again."""
        self.decoder.model.recompute = on

    def compiled(self, wrapped: nn.Module) -> Callable[..., Any]:
        """Give what a compiled training passes through."""
        return compiled(wrapped)

    def optimizers(self, update: Update) -> list[Optimizer]:
        """Make what changes the weights."""
        return optimizers(self.decoder, update)
