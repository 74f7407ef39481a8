"""The smallest model with a tokenizer, in a folder: to try things with."""

from pathlib import Path
from shutil import copyfile

from lmloop.kernels.tokenizing import CONFIG, FILE, Tokenizer
from lmloop.kernels.tokenizing.toy import byte_tokenizer
from lmloop.nn.decoder import seeded
from lmloop.nn.huggingface import write_model
from lmloop.nn.shape import from_depth


def write_tiny(folder: Path) -> None:
    """Write a model of one layer with fresh weights, and a tokenizer with an id for each byte."""
    copyfile(byte_tokenizer(), folder / FILE)
    (folder / CONFIG).write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}', encoding="utf-8")
    shape = from_depth(1, Tokenizer.load(folder).vocab_size, 128)
    write_model(folder, shape, seeded(shape, 0).state_dict(), None, None)
