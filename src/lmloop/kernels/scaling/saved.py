"""A fit as a file: enough to foretell with it later, elsewhere, without the runs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lmloop.core.errors import DataError
from lmloop.kernels.scaling.fit import Fit
from lmloop.kernels.scaling.law import Chinchilla
from lmloop.kernels.scaling.points import Floats, Points

FIT = "fit.json"


@dataclass(frozen=True, slots=True)
class Saved:
    """What is kept of a fit: the law's parameters, the draws around them, the runs, and what speaks against it.

    ``against`` lists why the exponents are not known; empty if they are.
    """

    fit: Fit
    draws: Floats
    points: Points
    against: tuple[str, ...]

    def write(self, path: Path, extra: dict[str, Any]) -> None:
        """Write it, with ``extra`` facts for people and programs."""
        assert isinstance(self.fit.law, Chinchilla)
        columns = {name: getattr(self.points, name).tolist() for name in ("params", "tokens", "loss", "flops")}
        kept = {
            "law": asdict(self.fit.law),
            "theta": self.fit.theta.tolist(),
            "objective": self.fit.objective,
            "starts": [self.fit.starts, self.fit.agreeing],
            "draws": np.round(self.draws, 6).tolist(),
            "points": columns,
            "against": list(self.against),
        }
        path.write_text(json.dumps({**extra, **kept}, ensure_ascii=False, default=str) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Saved":
        """Read it.

        Raises:
            DataError: there is none, or it is damaged.
        """
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            law = Chinchilla(tuple(kept["law"]["centre"]), kept["law"]["groups"], kept["law"]["own"])
            fit = Fit(law, np.array(kept["theta"]), kept["objective"], *kept["starts"])
            n, d, loss, c = (np.array(kept["points"][name]) for name in ("params", "tokens", "loss", "flops"))
            points = Points(n, d, loss, c, np.zeros(len(n), dtype=np.int64))
            return cls(fit, np.array(kept["draws"]), points, tuple(kept["against"]))
        except FileNotFoundError:
            raise DataError(f"{path.parent} holds no fit", hint="name the result of a scale step") from None
        except (ValueError, KeyError, TypeError) as bad:
            raise DataError(f"{path} is damaged: {bad}", hint="run its step again") from None
