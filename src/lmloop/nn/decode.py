"""Writing and scoring with a decoder: prompts of any lengths side by side, nothing read twice.

This is the engine of :mod:`lmloop.nn.inference` for a decoder of any family and plain lists of ids.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lmloop.nn.foreign import Foreign
from lmloop.nn.inference.drawing import Drawing
from lmloop.nn.inference.generation import Wanted, Written
from lmloop.nn.inference.local import Core, Mixed
from lmloop.nn.inference.network import DecoderNetwork
from lmloop.nn.inference.opening import core_of
from lmloop.nn.inference.scoring import Scored


def core(model: Any) -> Core:
    """Put a decoder, one of ours or a foreign one, under the engine."""
    model.eval()
    return core_of(model.causal) if isinstance(model, Foreign) else Mixed(DecoderNetwork(model))


def write(model: Any, prompts: Sequence[Sequence[int]], drawing: Drawing) -> list[Written]:
    """Continue each prompt (token ids, at least one each). What a row writes does not hang on the others' chance."""
    return core(model).write([Wanted(np.asarray(prompt, np.uint32), drawing) for prompt in prompts])


def score(model: Any, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[Scored]:
    """Score each continuation (ids) behind its prompt (ids, at least one)."""
    return core(model).score([(np.asarray(prompt, np.uint32), np.asarray(text, np.uint32)) for prompt, text in pairs])
