"""Low-rank changes as pairs of factors: added, cut to a rank, and compared, without ever making the whole matrix.

Shape letters: R rank, I inputs, O outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Factors:
    """A change ``B^T A`` of a matrix: ``A`` (R, I) and ``B`` (R, O), the scale in B."""

    A: Tensor
    B: Tensor

    @classmethod
    def total(cls, parts: "Sequence[tuple[float, Factors]]") -> "Factors":
        """Add weighed changes: the ranks stand one below the other, and nothing is lost."""
        return cls(torch.cat([part.A for _, part in parts]), torch.cat([part.B * weight for weight, part in parts]))

    def cut(self, rank: int) -> "tuple[Factors, float]":
        """Give the nearest change of a rank (Eckart and Young), and the share of its length that is lost.

        Both factors get the root of each singular value. Where the rank is more than is needed, the rest is 0.
        """
        with torch.no_grad():
            q_a, r_a = torch.linalg.qr(self.A.double().T)
            q_b, r_b = torch.linalg.qr(self.B.double().T)
            u, values, v = torch.linalg.svd(r_b @ r_a.T)
            kept = min(rank, len(values))
            root = values[:kept].sqrt()
            B, A = (q_b @ u[:, :kept] * root).T, root[:, None] * (v[:kept] @ q_a.T)
            A, B = (torch.nn.functional.pad(one, (0, 0, 0, rank - kept)) for one in (A, B))
            lost = values[kept:].square().sum() / values.square().sum().clamp_min(1e-300)
        return Factors(A.to(self.A.dtype), B.to(self.B.dtype)), float(lost.sqrt())

    def length(self) -> float:
        """Give the change's Frobenius norm."""
        with torch.no_grad():
            A, B = self.A.double(), self.B.double()
            return float(((A @ A.T) * (B @ B.T)).sum().clamp_min(0).sqrt())
