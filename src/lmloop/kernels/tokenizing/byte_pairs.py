"""What a ``tokenizer.json`` with byte-pair merges says, checked field by field before it is compiled into tables."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmloop.kernels.tokenizing.cutting import Cut, known_cuts
from lmloop.kernels.tokenizing.errors import Unsupported
from lmloop.kernels.tokenizing.letters import letters, to_bytes
from lmloop.kernels.tokenizing.merging import Merges, merges

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


@dataclass(frozen=True)
class BytePairs:
    """A byte-level tokenizer: how it cuts, what it merges, in order, and the bytes of its tokens by id."""

    cut: Cut
    pairs: list[tuple[int, int]]
    made: list[int]
    tokens: dict[int, bytes]
    byte_ids: list[int]
    """The id of each single byte."""

    def table(self) -> Merges:
        """Compile the merges."""
        pairs = np.array(self.pairs, np.uint64).reshape(-1, 2)
        return merges(np.array(self.byte_ids, np.uint32), pairs, np.array(self.made, np.uint32))


def byte_pairs(core: Any) -> BytePairs:
    """Read a ``tokenizers.Tokenizer``.

    Raises:
        Unsupported: it has a part that changes ids in a way that is not known here.
    """
    content = json.loads(core.to_str())
    if content["normalizer"]:
        raise Unsupported(f"it normalizes text ({content['normalizer']['type']})")
    plain = [token["content"] for token in content["added_tokens"] if not token["special"]]
    if plain:
        raise Unsupported(f"it has added tokens that plain text gives ({plain[0]!r})")
    special = {token["id"] for token in content["added_tokens"]}
    return BytePairs(_cut(content["pre_tokenizer"]), *_model(content["model"], special))


def token_bytes(core: Any) -> list[bytes | None]:
    """Give the bytes of each id of any tokenizer of the library; None for special tokens and ids without one.

    Tokens that are not written as letters for bytes are read as SentencePiece writes them: ``▁`` is a space.
    """
    special = {number for number, token in core.get_added_tokens_decoder().items() if token.special}
    vocab = core.get_vocab(with_added_tokens=True)
    found: list[bytes | None] = [None] * (max(vocab.values(), default=-1) + 1)
    plain = {number: token for token, number in vocab.items() if number not in special}
    try:
        read = {number: to_bytes(token) for number, token in plain.items()}
    except Unsupported:
        read = {number: piece_bytes(token) for number, token in plain.items()}
    for number, content in read.items():
        found[number] = content
    return found


def piece_bytes(piece: str) -> bytes:
    """Give the bytes of a piece as SentencePiece writes it: ``▁the``, ``<0x0A>``."""
    byte = re.fullmatch(r"<0x([0-9A-F]{2})>", piece)
    return bytes.fromhex(byte[1]) if byte else piece.replace("▁", " ").encode()


def _cut(pre: Mapping[str, Any] | None) -> Cut:
    """Find out how text is cut: a byte-level split by a known pattern."""
    parts = pre["pretokenizers"] if pre and pre["type"] == "Sequence" else [pre] if pre else []
    kinds = [part["type"] for part in parts]
    if kinds == ["ByteLevel"] and parts[0]["use_regex"]:
        found = GPT2
    elif kinds == ["Split", "ByteLevel"] and not parts[1]["use_regex"]:
        split = parts[0]
        if split["behavior"].lower() != "isolated" or split["invert"]:
            raise Unsupported(f"it splits in another way ({split['behavior']})")
        found = split["pattern"].get("Regex", "")
    else:
        raise Unsupported(f"it cuts text by {' and '.join(kinds) or 'nothing'}")
    if parts[-1]["add_prefix_space"]:
        raise Unsupported("it puts a space before a text")
    cut = known_cuts().get(found)
    if cut is None:
        raise Unsupported(f"its pattern is not known here: {found}")
    return cut


def _model(
    model: Mapping[str, Any], special: set[int]
) -> tuple[list[tuple[int, int]], list[int], dict[int, bytes], list[int]]:
    if model["type"] != "BPE":
        raise Unsupported(f"it is no byte-pair tokenizer but {model['type']}")
    odd = [key for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix") if model.get(key)]
    odd += [key for key in ("ignore_merges", "byte_fallback") if model.get(key)]
    if odd:
        raise Unsupported(f"it has {odd[0]}")
    vocab: dict[str, int] = model["vocab"]
    missing = [letter for letter in letters() if letter not in vocab]
    if missing:
        raise Unsupported(f"{len(missing)} bytes have no token")
    split = [pair if isinstance(pair, list) else pair.split(" ") for pair in model["merges"]]
    pairs = [(vocab[left], vocab[right]) for left, right in split]
    made = [vocab[left + right] for left, right in split]
    tokens = {number: to_bytes(token) for token, number in vocab.items() if number not in special}
    return pairs, made, tokens, [vocab[letter] for letter in letters()]
