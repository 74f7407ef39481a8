"""Our own models under the engine: a folder with ``config.json``, safetensors and a ``tokenizer.json``."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from lmloop.core.model import Prompt
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.chat import Template, prompted
from lmloop.nn.decoder import Decoder
from lmloop.nn.inference.encoding import Reading
from lmloop.nn.inference.local import Local, Mixed
from lmloop.nn.inference.network import DecoderNetwork
from lmloop.nn.inference.trie import Ids
from lmloop.nn.opening import open_decoder


def load(folder: Path, rows: int = 0, task: str = "") -> Local:
    """Open a model, on the GPU if there is one; for one ``task``, if its adapter weighs experts by task.

    Raises:
        DataError: it is no model that we know, or it has no tokenizer.
    """
    codec = OwnCodec(Tokenizer.load(folder), Template.load(folder))
    return Local(Mixed(DecoderNetwork(load_decoder(folder, task)), rows), codec)


def load_decoder(folder: Path, task: str = "") -> Decoder:
    """Read the weights, with their adapter if one lies there, ready to be asked."""
    model: Decoder = open_decoder(folder, task)
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


@dataclass(frozen=True)
class OwnCodec:
    """Our tokenizer. Raw text is plain text: only a chat template's special tokens are read as such."""

    tokenizer: Tokenizer
    template: Template | None

    @property
    def begin(self) -> int | None:
        """The token that begins a document, else the one that ends it."""
        return self.tokenizer.bos_id if self.tokenizer.bos_id is not None else self.tokenizer.eos_id

    @cached_property
    def ends(self) -> Collection[int]:
        """The token that ends a document, and the one that ends a turn in ChatML and its like."""
        named = [self.tokenizer.core.token_to_id(name) for name in TURN_ENDS] if self.template is not None else []
        return {token for token in (self.tokenizer.eos_id, *named) if token is not None}

    def render(self, prompt: Prompt) -> Reading:
        """Write a conversation by the template; without one the turns stand one behind the other."""
        template = self.template
        if template is None:
            return Reading("".join(turn.text for turn in prompt))
        return Reading(prompted(prompt, lambda turns: template.render(turns, asks=True)), chat=True)

    def encode(self, texts: Sequence[Reading], bare: bool = False) -> list[Ids]:
        """Give the ids of texts, behind the token that begins a document, if there is one."""
        begin = [] if bare or self.tokenizer.bos_id is None else [self.tokenizer.bos_id]
        plain = iter(self.tokenizer.encode_batch([each.text for each in texts if not each.chat]))
        found = []
        for each in texts:
            ids = self.tokenizer.encode(each.text, specials=True) if each.chat else next(plain)
            there = len(ids) > 0 and begin == [int(ids[0])]
            found.append(ids if there else np.concatenate([np.array(begin, np.uint32), ids]))
        return found

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of some ids; special tokens give none."""
        text: str = self.tokenizer.core.decode(list(ids), skip_special_tokens=True)
        return text


TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>")
"""What ends a turn in the templates of ChatML, Llama 3, Phi and Gemma."""
