"""A tuned model as one folder of plain weights in Hugging Face's form."""

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from lmloop.nn.adapters.adapted import Adapted, is_of_adapter
from lmloop.nn.adapters.lowrank import matrix
from lmloop.nn.adapters.merging import merged_weights
from lmloop.nn.adapters.nf4 import Linear4
from lmloop.nn.adapters.seat import plain_class
from lmloop.nn.decoder import Decoder
from lmloop.nn.huggingface import write_model


def merged_state(adapted: Adapted, task: int | None = None) -> dict[str, Tensor]:
    """Give all of the model's weights with the adapter in them, under the names of the bare model; the base stays.

    Matrices in four bits are unfolded.

    Raises:
        LmloopError: the adapter weighs its experts anew for each token.
    """
    model = adapted.model
    folded = {name for name, module in model.named_modules() if plain_class(module) is Linear4}
    state = {f"{name}.weight": matrix(model.get_submodule(name)) for name in folded}
    for name, value in model.state_dict().items():
        module, _, kind = name.rpartition(".")
        if not is_of_adapter(name) and (module not in folded or kind == "bias"):
            state[name] = value
    for place, (weight, bias) in merged_weights(adapted, task).items():
        state[f"{place}.weight"] = weight
        if bias is not None:
            state[f"{place}.bias"] = bias
    return {name: value.detach().cpu().contiguous() for name, value in state.items()}


def export(
    adapted: Adapted, folder: Path, task: int | None = None, ids: tuple[int | None, int | None] = (None, None)
) -> None:
    """Write the merged model as a folder that ``transformers``, vLLM and llama.cpp's converter read.

    ``task`` is whose weights an adapter that weighs by task is merged for; ``ids`` are the first and the last token of
    a text, for a decoder of our own. The tokenizer is not part of it.

    Raises:
        LmloopError: the adapter weighs its experts anew for each token.
    """
    state = merged_state(adapted, task)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(adapted.model, Decoder):
        write_model(folder, adapted.model.shape, state, *ids)
        return
    with torch.no_grad():
        cast(Any, adapted.model).save_pretrained(folder, state_dict=state)
