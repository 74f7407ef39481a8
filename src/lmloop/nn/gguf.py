"""A decoder as one GGUF file, for llama.cpp and what is built on it; written by the library ``gguf``.

What a file says of text is less than what a ``tokenizer.json`` can: only cuts that llama.cpp has by name are written,
and a tokenizer with another one is refused, for the model would read other tokens than it learnt.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.chat import Template
from lmloop.nn.huggingface import HEAD, family
from lmloop.nn.shape import Shape

EXTRA = "gguf"
Bits = Literal["f32", "f16", "q8_0"]

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
SYMBOLS = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CUTS = {
    GPT2: "gpt-2",
    ENDINGS + r"\p{N}{1,3}" + SYMBOLS: "llama-bpe",
    ENDINGS + r"\p{N}" + SYMBOLS: "qwen2",
}
"""The patterns by which text is cut, with llama.cpp's names for them."""

NORMAL, CONTROL, DEFINED, UNUSED = 1, 3, 4, 5
"""What GGUF calls a token: one of text, one that is never text, one that was added, none."""

NO_MERGE = "<none> <none>"
"""llama.cpp wants one at least, and bytes alone have none."""


def write_gguf(path: Path, shape: Shape, state: Mapping[str, Tensor], tokenizer: Path, bits: Bits) -> None:
    """Write a decoder's weights, named as in Hugging Face's form, with the tokenizer of a folder.

    Vectors stay in 32 bits; with ``q8_0`` matrices have 8 bits and a factor for each 32 weights.

    Raises:
        DataError: llama.cpp has no word for something of it.
        ExtraMissing: the library is not installed.
    """
    gguf = need("gguf", EXTRA)
    if shape.stretch is not None:
        raise DataError("positions that are stretched cannot be written as GGUF here", hint='take form = "merged"')
    if shape.activation != "silu":
        raise DataError("llama.cpp computes these families with SiLU alone", hint='take form = "merged"')
    words = _words(tokenizer, shape.vocabulary)
    with draft(path) as place:
        writer = gguf.GGUFWriter(place, family(shape))
        _describe(writer, shape, gguf.LlamaFileType[f"MOSTLY_{bits.upper()}" if bits != "f32" else "ALL_F32"])
        _tell_tokens(writer, words, tokenizer)
        names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[family(shape).upper()], shape.layers)
        for name, value in state.items():
            if not (shape.tied and name == HEAD):
                _add(gguf, writer, names.get_name(name, (".weight", ".bias")), _ordered(name, value, shape), bits)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _describe(writer: Any, shape: Shape, kind: Any) -> None:
    writer.add_file_type(kind)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)


def _ordered(name: str, value: Tensor, shape: Shape) -> Tensor:
    """Order the rows of queries and keys as llama.cpp turns them: for Llama, neighbours make a pair, and not halves."""
    projection = name.rpartition("self_attn.")[2].partition("_proj")[0]
    if family(shape) != "llama" or projection not in ("q", "k"):
        return value
    heads = shape.heads if projection == "q" else shape.kv_heads
    return value.reshape(heads, 2, shape.head_width // 2, *value.shape[1:]).transpose(1, 2).reshape(value.shape)


def _add(gguf: Any, writer: Any, name: str, value: Tensor, bits: Bits) -> None:
    plain = value.detach().float().numpy()
    if value.dim() == 1 or bits == "f32":
        writer.add_tensor(name, plain)
    elif bits == "f16" or value.shape[-1] % 32:
        writer.add_tensor(name, plain.astype("float16"))
    else:
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(plain, kind), raw_dtype=kind)


def _words(folder: Path, rows: int) -> Mapping[str, Any]:
    """Read what a file says of text: the tokens and their kinds, the merges, and the name of the cut.

    Raises:
        DataError: the tokenizer is none that llama.cpp reads alike.
    """
    said = json.loads(Tokenizer.load(folder).core.to_str())
    model, cut = said["model"], _cut(said.get("pre_tokenizer"))
    odd = (said.get("normalizer") and "its normalizer") or (model["type"] != "BPE" and f"its type {model['type']}")
    if odd or cut is None:
        raise DataError(
            f"llama.cpp has no word for this tokenizer: {odd or 'the pattern by which it cuts text'}",
            hint=f"it knows byte-level pairs, cut as {', '.join([*CUTS.values(), 'smollm'])} do",
        )
    tokens = [(f"[PAD{number}]", UNUSED) for number in range(rows)]
    for token, number in model["vocab"].items():
        tokens[number] = (token, NORMAL)
    for added in said["added_tokens"]:
        tokens[added["id"]] = (added["content"], CONTROL if added["special"] else DEFINED)
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return {"cut": cut, "tokens": tokens, "merges": merges or [NO_MERGE]}


def _tell_tokens(writer: Any, words: Mapping[str, Any], folder: Path) -> None:
    tokenizer, template = Tokenizer.load(folder), Template.load(folder)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(words["cut"])
    writer.add_token_list([token for token, _ in words["tokens"]])
    writer.add_token_types([kind for _, kind in words["tokens"]])
    writer.add_token_merges(words["merges"])
    for role in ("bos", "eos", "pad"):
        if (number := getattr(tokenizer, f"{role}_id")) is not None:
            getattr(writer, f"add_{role}_token_id")(number)
    writer.add_add_bos_token(False)  # whoever asks says what stands before a text; so it is here, too
    if template is not None:
        writer.add_chat_template(template.source)


def _cut(pre: Mapping[str, Any] | None) -> str | None:
    """Give llama.cpp's name for the way in which a text is cut; None if it has none."""
    parts = [
        dict(part) for part in (pre["pretokenizers"] if pre and pre["type"] == "Sequence" else [pre] if pre else [])
    ]
    kinds = [part["type"] for part in parts]
    if not parts or kinds[-1] != "ByteLevel" or parts[-1]["add_prefix_space"]:
        return None
    if kinds == ["Digits", "ByteLevel"]:
        return "smollm" if parts[0]["individual_digits"] and parts[1]["use_regex"] else None
    if kinds == ["ByteLevel"]:
        return CUTS[GPT2] if parts[0]["use_regex"] else None
    if kinds != ["Split", "ByteLevel"] or parts[1]["use_regex"]:
        return None
    plain = parts[0]["behavior"].lower() == "isolated" and not parts[0]["invert"]
    return CUTS.get(parts[0]["pattern"].get("Regex", "")) if plain else None
