"""Models as Hugging Face writes them: ``config.json`` and safetensors, in Llama's, Qwen2's or Qwen3's form.

Our weights have those names from the start, so that a folder that we write is a folder that ``transformers``,
vLLM and llama.cpp read, and one that they wrote is where a training can start.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.nn.shape import Activation, Shape, Stretch

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
GENERATION = "generation_config.json"
HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"
FAMILIES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}


def family(shape: Shape) -> str:
    """Name the family whose form a shape has.

    Raises:
        DataError: normalised queries together with biases are of none of them.
    """
    if shape.qk_norm and shape.qkv_bias:
        raise DataError("no known family has both qk_norm and qkv_bias", hint="leave one of them out")
    return "qwen3" if shape.qk_norm else "qwen2" if shape.qkv_bias else "llama"


def config(shape: Shape, bos_id: int | None = None, eos_id: int | None = None) -> dict[str, Any]:
    """Say in Hugging Face's words what a shape is."""
    name = family(shape)
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": shape.rope_base}
    if shape.stretch is not None:
        rope |= {
            "rope_type": shape.stretch.kind,
            "factor": shape.stretch.factor,
            "low_freq_factor": shape.stretch.low,
            "high_freq_factor": shape.stretch.high,
            "original_max_position_embeddings": shape.stretch.original_context,
        }
    return {
        "architectures": [FAMILIES[name]],
        "model_type": name,
        "vocab_size": shape.vocabulary,
        "num_hidden_layers": shape.layers,
        "hidden_size": shape.width,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_width,
        "intermediate_size": shape.hidden,
        "max_position_embeddings": shape.context,
        "rope_theta": shape.rope_base,
        "rope_parameters": rope,
        **({"rope_scaling": rope} if shape.stretch is not None else {}),
        "rms_norm_eps": shape.norm_epsilon,
        "tie_word_embeddings": shape.tied,
        "hidden_act": shape.activation,
        "attention_bias": False,
        "initializer_range": 0.02,
        "bos_token_id": bos_id,
        "eos_token_id": eos_id,
        "torch_dtype": "float32",
    }


def read_config(folder: Path) -> Shape:
    """Read the shape of a model.

    Raises:
        DataError: it is no model of these families, or has something that ours lack.
    """
    try:
        said: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as bad:
        raise DataError(f"{folder} holds no model: {bad}", hint=f"a model has a {CONFIG} and safetensors") from None
    name = said.get("model_type")
    refused = [key for key in ("attention_bias", "mlp_bias", "use_sliding_window") if said.get(key)]
    if name not in FAMILIES or refused or said.get("hidden_act", "silu") not in get_args(Activation):
        what = f"with {refused[0]}" if refused else f"of the type {name!r}"
        raise DataError(f"{folder}: models {what} cannot be read", hint=f"there are: {', '.join(FAMILIES)}")
    rope = said.get("rope_parameters") or said.get("rope_scaling") or {}
    try:
        return Shape(
            vocabulary=said["vocab_size"],
            layers=said["num_hidden_layers"],
            width=said["hidden_size"],
            heads=said["num_attention_heads"],
            kv_heads=said.get("num_key_value_heads") or said["num_attention_heads"],
            head_width=said.get("head_dim") or said["hidden_size"] // said["num_attention_heads"],
            hidden=said["intermediate_size"],
            context=said.get("max_position_embeddings", 2048),
            rope_base=float(rope.get("rope_theta") or said.get("rope_theta") or 10_000.0),
            stretch=_stretch(folder, rope),
            norm_epsilon=said.get("rms_norm_eps", 1e-6),
            tied=bool(said.get("tie_word_embeddings", False)),
            qk_norm=name == "qwen3",
            qkv_bias=name == "qwen2",
            activation=said.get("hidden_act", "silu"),
        )
    except KeyError as bad:
        raise DataError(f"{folder / CONFIG} does not say {bad}") from None


def foreign_shape(folder: Path) -> Shape:
    """Read the sizes of a model of any family; what is not said is guessed, and only counts for estimates.

    Raises:
        DataError: there is no model.
    """
    try:
        whole: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        said = whole.get("text_config") or whole
        width = int(_first(said, "hidden_size", "n_embd", "d_model"))
        heads = int(_first(said, "num_attention_heads", "n_head", "num_heads"))
        return Shape(
            vocabulary=int(said["vocab_size"]),
            layers=int(_first(said, "num_hidden_layers", "n_layer", "num_layers")),
            width=width,
            heads=heads,
            kv_heads=int(said.get("num_key_value_heads") or heads),
            head_width=int(said.get("head_dim") or width // heads),
            hidden=int(_first({"guess": 4 * width} | said, "intermediate_size", "n_inner", "ffn_dim", "guess")),
            context=int(_first({"guess": 2048} | said, "max_position_embeddings", "n_positions", "n_ctx", "guess")),
            tied=bool(said.get("tie_word_embeddings", True)),
        )
    except (OSError, ValueError, KeyError, TypeError) as bad:
        raise DataError(f"{folder} holds no model: {bad}", hint=f"a model has a {CONFIG} and safetensors") from None


def _stretch(folder: Path, rope: Mapping[str, Any]) -> Stretch | None:
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "default":
        return None
    if kind not in ("linear", "llama3"):
        raise DataError(f"{folder}: rotary positions of the type {kind!r} are not known", hint="linear and llama3 are")
    return Stretch(
        kind,
        float(rope["factor"]),
        float(rope.get("low_freq_factor") or 1.0),
        float(rope.get("high_freq_factor") or 4.0),
        int(rope.get("original_max_position_embeddings") or 8192),
    )


def write_model(folder: Path, shape: Shape, weights: Mapping[str, Any], bos_id: int | None, eos_id: int | None) -> None:
    """Write a model of plain CPU tensors; a tied output matrix is left out, as is the custom."""
    torch_files = need("safetensors.torch", "train")
    kept = {name: value.contiguous() for name, value in weights.items() if not (shape.tied and name == HEAD)}
    with draft(folder / WEIGHTS) as place:
        torch_files.save_file(kept, place, metadata={"format": "pt"})
    with draft(folder / CONFIG) as place:
        text = json.dumps(config(shape, bos_id, eos_id), indent=2, sort_keys=True)
        place.write_text(text + "\n", encoding="utf-8")


def read_weights(folder: Path) -> Iterator[tuple[str, Any]]:
    """Read the tensors of a model, one at a time, in float32; it may lie in one file or in several.

    Raises:
        DataError: a file is missing or damaged.
    """
    safetensors, torch = need("safetensors", "train"), need("torch", "train")
    for path in _files(folder):
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118  (it is no mapping)
                    yield name, file.get_tensor(name).to(torch.float32)
        except (OSError, safetensors.SafetensorError) as bad:
            raise DataError(f"the weights {path} cannot be read: {bad}") from None


def load_model(folder: Path) -> Any:
    """Make the decoder that lies in a folder, on the CPU and in float32.

    Raises:
        DataError: it is no model that we know, or a weight is missing, unknown or of another size.
    """
    torch = need("torch", "train")
    from lmloop.nn.decoder import seeded

    shape = read_config(folder)
    model = seeded(shape, 0)
    open_ones = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in read_weights(folder):
            if name == HEAD and shape.tied:
                continue
            if name not in open_ones or open_ones[name].shape != value.shape:
                if name.endswith("rotary_emb.inv_freq"):  # old files hold what can be computed
                    continue
                raise DataError(f"{folder}: the weight {name} of size {tuple(value.shape)} fits nowhere")
            open_ones.pop(name).copy_(value)
    if open_ones:
        raise DataError(f"{folder}: {len(open_ones)} weights are missing, {next(iter(open_ones))} first")
    return model


def _files(folder: Path) -> list[Path]:
    if (folder / INDEX).is_file():
        try:
            places = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"]
            return [folder / name for name in sorted(set(places.values()))]
        except (ValueError, KeyError, AttributeError) as bad:
            raise DataError(f"{folder / INDEX} is damaged: {bad}") from None
    if not (folder / WEIGHTS).is_file():
        raise DataError(
            f"{folder} holds no {WEIGHTS}", hint="weights in .bin or .pth files are not read: they can run code"
        )
    return [folder / WEIGHTS]


def _first(said: dict[str, Any], *names: str) -> Any:
    found = next((said[name] for name in names if said.get(name)), None)
    if found is None:
        raise KeyError(names[0])
    return found
