"""The smallest adapter, to try things with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lmloop.core.method import build_method
from lmloop.nn.adapters.attach import attach
from lmloop.nn.adapters.files import save
from lmloop.nn.opening import bearer, open_plain, write_base


def write_tiny(base: Path, method: "str | Mapping[str, Any]" = "lora", seed: int = 0, place: str = "adapter") -> Path:
    """Write an adapter with random weights in a folder inside its model's, and give that folder."""
    adapted = attach(bearer(open_plain(base)), build_method(method), seed)
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in adapted.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=chance))
    save(adapted, base / place, base.name)
    write_base(base / place, base)
    return base / place
