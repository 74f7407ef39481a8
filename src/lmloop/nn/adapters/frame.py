"""What a forward pass of adapters hangs on beside its input, and what it leaves: one object for a whole model.

A recomputed layer (gradient checkpointing) runs long after the pass that it repeats, on a GPU in another thread:
so this is a plain object that the adapters hold, and what a pass leaves is kept by place and overwritten.

Shape letters: B rows, T places in a row, N tokens (B x T), E experts, G groups of rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from lmloop.nn.adapters.watch import Tally


@dataclass(frozen=True, slots=True)
class Inputs:
    """What holds for one forward pass.

    ``active`` is the adapter that works, None for the bare model, or a name (or None) for each row. ``mask_BT`` is
    true where there is no padding. ``tasks`` are task ids (B) or (B, T), or weights of several tasks (B, tasks).
    ``documents_BT`` numbers the samples of packed rows; without it a row is one sample. ``rows`` are the rows that are
    computed at the moment, where a batch is divided among adapters.
    """

    active: str | tuple[str | None, ...] | None = None
    mask_BT: Tensor | None = None
    tasks: Tensor | None = None
    documents_BT: Tensor | None = None
    rows: Tensor | None = None

    def of_rows(self, value: Tensor | None) -> Tensor | None:
        """Take the rows that are computed at the moment."""
        return value if value is None or self.rows is None else value[self.rows]


@dataclass
class Frame:
    """The inputs of the pass at hand, and the losses and statistics that the last one left."""

    inputs: Inputs = field(default_factory=Inputs)
    losses: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    tallies: dict[tuple[str, str], Tally] | None = None
    watched: dict[tuple[str, str], Tally] = field(default_factory=dict)

    def feed(self, mask_BT: Tensor | None, tasks: Tensor | None, documents_BT: Tensor | None) -> None:
        """Set what holds for the passes to come."""
        self.inputs = replace(self.inputs, mask_BT=mask_BT, tasks=tasks, documents_BT=documents_BT)
        self.losses.clear()

    @contextmanager
    def changed(self, inputs: Inputs) -> Iterator[None]:
        """Let other inputs hold for a while."""
        before, self.inputs = self.inputs, inputs
        try:
            yield
        finally:
            self.inputs = before

    def again(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """Give contexts for a checkpointed pass and for its repetition, which then has the same inputs."""
        return nullcontext(), self.changed(self.inputs)

    def counted(self, tokens: int, copies: int = 1) -> Tensor | None:
        """Give which of N tokens are no padding, as (N,); None where all count.

        While writing, only the newest places are computed: the mask then tells of more places than there are tokens.
        ``copies`` is how often each token is there, one behind the other, where heads are routed by themselves.
        """
        mask_BT = self.inputs.of_rows(self.inputs.mask_BT)
        return None if mask_BT is None else spread(mask_BT.bool(), tokens // copies).repeat_interleave(copies)

    def samples(self, tokens: int) -> tuple[Tensor, int] | None:
        """Number the samples that N tokens belong to, as (N,), with how many there are; None before rows are known."""
        documents_BT, known = self.inputs.of_rows(self.inputs.documents_BT), self._any_rows()
        if known is None:
            return None
        rows = known.shape[0]
        row_N = torch.arange(rows, device=known.device).repeat_interleave(tokens // rows)
        if documents_BT is None:
            return row_N, rows
        number_N = documents_BT.reshape(-1).long()
        _, sample_N = torch.unique(row_N * (int(number_N.max()) + 1) + number_N, return_inverse=True)
        return sample_N, int(sample_N.max()) + 1

    def token_tasks(self, tokens: int, copies: int = 1) -> Tensor | None:
        """Give the task id of each of N tokens; None where none were given, or several to a row."""
        tasks = self.inputs.of_rows(self.inputs.tasks)
        if tasks is None or tasks.is_floating_point():
            return None
        return spread(tasks, tokens // copies).repeat_interleave(copies)

    def _any_rows(self) -> Tensor | None:
        inputs = self.inputs
        given = next((t for t in (inputs.tasks, inputs.mask_BT, inputs.documents_BT) if t is not None), None)
        return inputs.of_rows(given)


def spread(value: Tensor, tokens: int) -> Tensor:
    """Give a value for each of N tokens from one for each row (B, ...) or place (B, T)."""
    if value.dim() >= 2 and not value.is_floating_point():
        return value[:, -(tokens // value.shape[0]) :].reshape(-1)
    return value.repeat_interleave(tokens // value.shape[0], 0)


def by_adapter(active: Sequence[str | None], device: torch.device) -> Iterator[tuple[str | None, Tensor]]:
    """Give each adapter of a batch with its rows."""
    for name in dict.fromkeys(active):
        yield name, torch.tensor([row for row, each in enumerate(active) if each == name], device=device)
