"""Decoders of other families: any causal model of ``transformers``, with the face of our own.

Shape letters: B rows, T places, S places that are looked at, D width, C places in a chunk, V vocabulary.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.nn.huggingface import foreign_shape
from lmloop.nn.masking import Mask
from lmloop.nn.shape import Shape

EXTRA = "huggingface"


class Foreign(nn.Module):
    """A causal model of ``transformers``; masks of packed rows are dense, whatever the device.

    Adapters sit on ``causal`` and keep the names that its weights have there.
    """

    causal: Any

    def __init__(self, causal: Any, shape: Shape) -> None:
        super().__init__()
        self.causal = causal
        self.shape = shape
        config: Any = self.causal.config.get_text_config()
        self.factor = float(getattr(config, "logit_scale", None) or 1 / (getattr(config, "logits_scaling", None) or 1))
        self.softcap: float | None = getattr(config, "final_logit_softcapping", None)

    def model(self, tokens_BT: Tensor, positions_BT: Tensor, mask: Mask) -> Tensor:
        """Turn tokens into vectors, (B, T, D)."""
        seen = None
        if mask.dense_B1TS is not None:
            kind = next(self.causal.parameters()).dtype
            seen = torch.zeros(mask.dense_B1TS.shape, dtype=kind, device=tokens_BT.device)
            seen = seen.masked_fill(~mask.dense_B1TS, torch.finfo(kind).min)
        given = {"input_ids": tokens_BT, "position_ids": positions_BT, "attention_mask": seen}
        out: Tensor = self.causal.base_model(**given, use_cache=False)[0]
        return out

    def lm_head(self, x_CD: Tensor) -> Tensor:
        """Give logits, (C, V)."""
        logits_CV: Tensor = self.causal.get_output_embeddings()(x_CD) * self.factor
        return logits_CV if self.softcap is None else self.softcap * torch.tanh(logits_CV / self.softcap)

    @property
    def layers(self) -> Iterable[nn.Module]:
        """The model's layers."""
        lists = [module for module in self.causal.modules() if isinstance(module, nn.ModuleList)]
        return max(lists, key=len, default=[])

    def recompute(self, on: bool) -> None:
        """Keep less for the backward pass; never by a reentrant checkpoint."""
        if on:
            self.causal.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})

    def save(self, folder: Path, weights: dict[str, Tensor]) -> None:
        """Write the model with these weights, as ``transformers`` does."""
        self.causal.save_pretrained(folder, state_dict=weights)


def open_foreign(folder: Path) -> Foreign:
    """Open a model on the CPU in float32, and hold it against its own code.

    Raises:
        DataError: ``transformers`` cannot open it, or packed texts would see each other in it.
    """
    transformers = need("transformers", EXTRA)
    try:
        causal = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as bad:
        raise DataError(f"{folder} cannot be opened as a model: {str(bad).splitlines()[0]}") from None
    found = Foreign(causal, foreign_shape(folder))
    if wrong := _wrong(found):
        raise DataError(f"{folder}: {wrong}", hint="models that are not plain causal transformers cannot be tuned here")
    return found


@torch.no_grad()
def _wrong(foreign: Foreign) -> str:
    """Say what is wrong with a model, if two short texts in one row do not give what each gives alone."""
    foreign.eval()
    tokens_BT = (torch.arange(12)[None] * 7 + 1) % min(foreign.shape.vocabulary, 1000)
    positions_BT = torch.tensor([[*range(5), *range(7)]])
    documents_BT = torch.tensor([[0] * 5 + [1] * 7])
    same_BTT = documents_BT[:, :, None] == documents_BT[:, None, :]
    mask = Mask(dense_B1TS=(same_BTT & torch.ones(12, 12, dtype=torch.bool).tril())[:, None])
    try:
        packed_TV = foreign.lm_head(foreign.model(tokens_BT, positions_BT, mask))[0]
        alone = [
            foreign.causal(input_ids=part, use_cache=False).logits[0] for part in (tokens_BT[:, :5], tokens_BT[:, 5:])
        ]
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError) as bad:
        return f"its code does not take packed rows: {str(bad).splitlines()[0]}"
    return "" if torch.allclose(packed_TV, torch.cat(alone), atol=1e-3, rtol=1e-3) else "packed texts see each other"
