"""Writing and scoring with a decoder: prompts of any lengths side by side, nothing read twice.

This is the engine of :mod:`lmloop.nn.inference` for our own decoder and plain lists of ids.
"""

from collections.abc import Sequence

import numpy as np

from lmloop.nn.decoder import Decoder
from lmloop.nn.inference import generation, scoring
from lmloop.nn.inference.drawing import Drawing
from lmloop.nn.inference.generation import Wanted, Written
from lmloop.nn.inference.network import DecoderNetwork
from lmloop.nn.inference.scoring import Scored


def write(model: Decoder, prompts: Sequence[Sequence[int]], drawing: Drawing) -> list[Written]:
    """Continue each prompt (token ids, at least one each). What a row writes does not hang on the others' chance."""
    model.eval()
    wanted = [Wanted(np.asarray(prompt, np.uint32), drawing) for prompt in prompts]
    return generation.write(DecoderNetwork(model), wanted)


def score(model: Decoder, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[Scored]:
    """Score each continuation (ids) behind its prompt (ids, at least one)."""
    model.eval()
    plain = [(np.asarray(prompt, np.uint32), np.asarray(text, np.uint32)) for prompt, text in pairs]
    return scoring.score(DecoderNetwork(model), plain)
