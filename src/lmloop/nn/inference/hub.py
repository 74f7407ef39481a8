"""Causal language models of Hugging Face's ``transformers`` under the engine, whatever their architecture.

The model's own code runs; only its attention is done by a mixer, through the registry of attention functions. Before a
model is used so, it is asked a few questions both ways (:func:`held`): one that answers otherwise, or whose code does
not let its attention be replaced, is read plainly (:mod:`lmloop.nn.inference.plain`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmloop.core.extras import need
from lmloop.nn.inference.attending import How
from lmloop.nn.inference.laying import Budget
from lmloop.nn.inference.mixing import Mixer
from lmloop.nn.inference.network import Head
from lmloop.nn.inference.scoring import score

NAME = "lmloop"
REFUSED_ROPE = ("dynamic", "longrope")
"""Kinds of rotary positions that hang on how long the whole text is, so that no part of it can be kept."""
UNKNOWN = ("position_bias", "s_aux", "sinks", "alibi")
"""What an attention may ask for and a mixer does not do."""

_MIXER: ContextVar[tuple[Mixer, set[int | None]]] = ContextVar("mixer")


class Refused(Exception):
    """The model cannot be read through a mixer."""


@dataclass(eq=False)
class HubNetwork:
    """A causal language model of ``transformers``."""

    model: Any
    place_bytes: int = 0
    windows: set[int | None] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.config = self.model.config.get_text_config()
        self.trunk = self.model.base_model
        output = self.model.get_output_embeddings()
        if output is None or self.trunk is self.model:
            raise Refused("it has no matrix to the vocabulary of its own")
        factor = getattr(self.config, "logit_scale", None) or 1.0 / (
            getattr(self.config, "logits_scaling", None) or 1.0
        )
        softcap = getattr(self.config, "final_logit_softcapping", None)
        self._head = Head(output.weight, getattr(output, "bias", None), float(factor), softcap)

    @property
    def head(self) -> Head:
        """The matrix to the vocabulary."""
        return self._head

    @property
    def device(self) -> torch.device:
        """Where tokens go in."""
        place: torch.device = self.model.get_input_embeddings().weight.device
        return place

    @property
    def context(self) -> int:
        """How many places it was made for."""
        return context_of(self.config)

    def read(self, tokens_T: Tensor, places_T: Tensor, mixer: Mixer) -> Tensor:
        """Read a long row; give a vector for each token, (T, D)."""
        now = _MIXER.set((mixer, self.windows))
        try:
            with _attention(self.model):
                out = self.trunk(input_ids=tokens_T[None], position_ids=places_T[None], use_cache=False)
        finally:
            _MIXER.reset(now)
        hidden_TD: Tensor = out[0][0]
        return hidden_TD.to(self._head.weight_VD.device)


def context_of(config: Any) -> int:
    """Say how many places a model was made for; 2,048 where it does not say, as others assume."""
    names = ("n_positions", "max_position_embeddings", "n_ctx")
    return next((int(found) for name in names if (found := getattr(config, name, None))), 2048)


def held(model: Any) -> HubNetwork:
    """Make a network of a model, and hold it against the model's own code.

    Raises:
        Refused: it cannot be read through a mixer; the reason is in the message.
    """
    rope = getattr(model.config.get_text_config(), "rope_parameters", None) or {}
    rope = rope or getattr(model.config.get_text_config(), "rope_scaling", None) or {}
    if rope.get("rope_type", rope.get("type")) in REFUSED_ROPE or getattr(model.config, "attention_chunk_size", None):
        raise Refused("how it tells places apart hangs on the length of the text")
    network = HubNetwork(model)
    try:
        network.place_bytes = _compare(network)
    except Refused:
        raise
    except Exception as bad:  # the code of others may raise anything where its attention is replaced
        raise Refused(f"its code does not take it: {type(bad).__name__}: {bad}") from None
    window = getattr(network.config, "sliding_window", None)
    if window and getattr(network.config, "use_sliding_window", True) and network.windows == {None}:
        raise Refused("it does not say which layers see only what is near")
    return network


@torch.inference_mode()
def _compare(network: HubNetwork) -> int:
    """Ask a few questions both ways; give the bytes that the keys and values of a place take."""
    chance = np.random.default_rng(0)
    most = min(network.head.weight_VD.shape[0], 1000)
    shared, one, other, end = (chance.integers(0, most, size).astype(np.uint32) for size in (9, 4, 6, 3))
    join = np.concatenate
    pairs = [(join([shared, one]), end), (join([shared, one]), end[::-1]), (join([shared, other]), end), (end, one)]
    sizes = _Sizes()
    found = score(_Watched(network, sizes), pairs, None, Budget(64, 16, 4))
    for (prompt, text), scored in zip(pairs, found, strict=True):
        tokens_1T = torch.from_numpy(join([prompt, text]).astype(np.int64))[None].to(network.device)
        logits_TV = network.model(input_ids=tokens_1T, use_cache=False).logits[0].float()
        table_TV = logits_TV[len(prompt) - 1 : -1].log_softmax(-1)
        wanted = float(table_TV.gather(1, tokens_1T[0, len(prompt) :, None].to(table_TV.device)).sum())
        near = 1e-3 if network.head.weight_VD.dtype == torch.float32 else 0.05 + 0.01 * abs(wanted)
        if not abs(scored.logprob - wanted) <= near:
            raise Refused(f"it answers {scored.logprob:.4f} where its own code answers {wanted:.4f}")
    if len(sizes.layers) != network.config.num_hidden_layers:
        raise Refused("not all of its layers are attention")
    return sum(sizes.layers.values())


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The bytes of a place's keys and values in each layer."""

    layers: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Watched:
    """A network that notes how large keys and values are."""

    inner: HubNetwork
    sizes: _Sizes

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def read(self, tokens_T: Tensor, places_T: Tensor, mixer: Mixer) -> Tensor:
        """Read, and note."""
        return self.inner.read(tokens_T, places_T, _Noting(mixer, self.sizes))


@dataclass(frozen=True, slots=True)
class _Noting:
    inner: Mixer
    sizes: _Sizes

    def mix(self, layer: int, q_1NTH: Tensor, k_1KTH: Tensor, v_1KTH: Tensor, how: How) -> Tensor:
        numbers = k_1KTH.shape[1] * (k_1KTH.shape[3] + v_1KTH.shape[3])
        self.sizes.layers[layer] = numbers * k_1KTH.element_size()
        return self.inner.mix(layer, q_1NTH, k_1KTH, v_1KTH, how)


@contextmanager
def _attention(model: Any) -> Iterator[None]:
    """Let our function do the attention of a model for a while."""
    registry = need("transformers.modeling_utils", "huggingface").ALL_ATTENTION_FUNCTIONS
    registry.register(NAME, _mixed)
    config = model.config.get_text_config()
    before = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before


def _mixed(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **rest: Any
) -> tuple[Tensor, None]:
    """Do the attention of a layer (transformers' interface): give (1, T, N, H)."""
    asked = [name for name in UNKNOWN if rest.get(name) is not None]
    if asked:
        raise Refused(f"its attention asks for {asked[0]}")
    mixer, windows = _MIXER.get()
    window = rest.get("sliding_window")
    windows.add(window)
    how = How(rest.get("scaling") or query.shape[-1] ** -0.5, window, rest.get("softcap"))
    mixed_1NTH = mixer.mix(module.layer_idx, query, key, value, how)
    return mixed_1NTH.transpose(1, 2).contiguous(), None
