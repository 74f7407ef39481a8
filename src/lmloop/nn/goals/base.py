"""What all goals share: the face that they show to a training, and sums over the replies of a batch.

Shape letters: B rows, T places, P pairs.
"""

from typing import Protocol

from torch import Tensor

from lmloop.nn.policy import Policy, Told


class Aim(Protocol):
    """A goal at work."""

    @property
    def shows(self) -> tuple[str, ...]:
        """What the second result holds sums of; the loss first."""
        ...

    def __call__(self, policy: Policy, told: Told) -> tuple[Tensor, Tensor]:
        """Give what is to be minimised, summed over all that is learnt, and the sums of what is shown."""
        ...


def sides(values_B: Tensor) -> tuple[Tensor, Tensor]:
    """Divide rows into the better and the worse ones of pairs, (P) each: they stand by turns."""
    return values_B[0::2], values_B[1::2]


def means(logprobs_BT: Tensor, told: Told) -> Tensor:
    """Give each row's mean log-probability of a target that counts, (B)."""
    return logprobs_BT.sum(1) / told.counted_B.clamp_min(1)
