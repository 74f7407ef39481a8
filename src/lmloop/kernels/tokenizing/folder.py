"""The folder of a tokenizer: what lmloop and transformers find in it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lmloop.core.draft import draft
from lmloop.kernels.tokenizing import CONFIG, FILE, TEMPLATE
from lmloop.kernels.tokenizing.training import BOS, EOS, PAD

CHATML = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""
"""ChatML, the template of OpenAI's and Qwen's chat models."""


def config(more: Sequence[str]) -> dict[str, Any]:
    """Say what transformers has to know of a tokenizer with our special tokens and ``more``."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "additional_special_tokens": list(more),
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1 << 30,
    }


def write(core: Any, folder: Path, settings: Mapping[str, Any], template: str) -> None:
    """Write a tokenizer; the template is one of Jinja's, empty for none."""
    contents = {FILE: core.to_str(pretty=True), CONFIG: json.dumps(settings, ensure_ascii=False, indent=1)}
    if template:
        contents[TEMPLATE] = template
    for name, content in contents.items():
        with draft(folder / name) as place:
            place.write_bytes(content.encode())
