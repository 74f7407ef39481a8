"""Training a tokenizer, and writing it down so that other programs can use it."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from lmloop.core.draft import draft
from lmloop.core.extras import need
from lmloop.kernels.tokenizing import CONFIG, FILE, TEMPLATE

Algorithm: TypeAlias = Literal["bpe", "unigram"]

CHATML = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""
"""ChatML, the template of OpenAI's and Qwen's chat models."""


@dataclass(frozen=True, slots=True)
class Specials:
    """The tokens that no text gives: their names, and how many spare ones are kept for later."""

    bos: str = "<|bos|>"
    eos: str = "<|eos|>"
    pad: str = "<|pad|>"
    chat: Sequence[str] = ("<|im_start|>", "<|im_end|>")
    spares: int = 16

    def names(self) -> list[str]:
        """List them in the order of their ids."""
        spares = [f"<|spare_{n}|>" for n in range(self.spares)]
        return list(dict.fromkeys([self.bos, self.eos, self.pad, *self.chat, *spares]))


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train: the number of ids in all, a multiple of ``multiple``, and how text is cut before merging."""

    vocab_size: int
    pattern: str
    algorithm: Algorithm = "bpe"
    multiple: int = 64
    specials: Specials = Specials()


def train(texts: Iterator[str], plan: Plan) -> Any:
    """Train on a stream of texts; gives a ``tokenizers.Tokenizer``.

    Pieces are byte-level, so every text has ids and comes back as it was. The ids 0 to 255 are the bytes, then come
    the learned pieces, then special and spare tokens; where the texts give fewer pieces than asked for, there are
    fewer ids.
    """
    tokenizers = need("tokenizers", "train")
    core = tokenizers.Tokenizer(tokenizers.models.BPE())
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(plan.pattern), "isolated")
    to_bytes = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, to_bytes])
    core.decoder = tokenizers.decoders.ByteLevel()
    size = -(-plan.vocab_size // plan.multiple) * plan.multiple
    names = plan.specials.names()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size - len(names),
        special_tokens=[],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    missing = -(core.get_vocab_size() + len(names)) % plan.multiple
    names += [f"<|spare_{n}|>" for n in range(plan.specials.spares, plan.specials.spares + missing)]
    core.add_special_tokens([tokenizers.AddedToken(name, special=True, normalized=False) for name in names])
    return core


def write(core: Any, folder: Path, specials: Specials, template: str = CHATML) -> None:
    """Write a trained tokenizer, with what transformers wants beside it."""
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": specials.bos,
        "eos_token": specials.eos,
        "pad_token": specials.pad,
        "additional_special_tokens": list(specials.chat),
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1 << 30,
    }
    if template:
        config["chat_template"] = template
    contents = {
        FILE: core.to_str(pretty=True),
        CONFIG: json.dumps(config, ensure_ascii=False, indent=1),
        TEMPLATE: template,
    }
    for name, content in contents.items():
        with draft(folder / name) as place:
            place.write_bytes(content.encode())


def one_thread() -> None:
    """Keep the library to one thread: workers are processes, and its threads do not survive a fork."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
