"""New pieces for a tokenizer that a model was already trained with, and not one id of other text changed.

The recipe that is copied everywhere takes a second tokenizer and appends what the first does not have. Then new
pieces come before old ones where both could be merged, and text that has nothing to do with the new language is cut
otherwise than the model has learned: in more than one line of ten.

Here new merges are learned on top of the old: the corpus is encoded with the old tokenizer, and pairs of its tokens
are merged further. They stand behind all old merges, and each new piece can stand only in text of its script
(:mod:`lmloop.kernels.tokenizing.scripts`); so what has no character of that script is encoded as before. And since
each is put together from what the old tokenizer gives, each can be reached. Both are proven afterwards, not assumed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.kernels.text import TextBuffer, read_only
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.backends import split
from lmloop.kernels.tokenizing.byte_pairs import byte_pairs
from lmloop.kernels.tokenizing.counting import Counted
from lmloop.kernels.tokenizing.learning import learn, words_of
from lmloop.kernels.tokenizing.merging import merge_alone
from lmloop.kernels.tokenizing.proving import new_unreachable
from lmloop.kernels.tokenizing.scripts import Script
from lmloop.kernels.tokenizing.units import Goal, alphabet


@dataclass(frozen=True)
class Addition:
    """New tokens in order, their bytes; and the merges that make them, as pairs of ids, with the id that each gives.

    The first new token has the id ``start``.
    """

    start: int
    tokens: list[bytes]
    merges: list[tuple[int, int, int]]

    def without(self, dropped: set[int]) -> "Addition":
        """Leave tokens out, all that is made of them, and number the others anew."""
        gone = set(dropped)
        kept_merges = []
        for left, right, made in self.merges:
            if left in gone or right in gone or made in gone:
                gone |= {made} if made >= self.start else set()
            else:
                kept_merges.append((left, right, made))
        kept = [n for n in range(len(self.tokens)) if self.start + n not in gone]
        number = {self.start + n: self.start + place for place, n in enumerate(kept)}
        merges = [
            (number.get(left, left), number.get(right, right), number.get(made, made))
            for left, right, made in kept_merges
            if not {left, right, made} & gone
        ]
        return Addition(self.start, [self.tokens[n] for n in kept], merges)


def learn_addition(base: Tokenizer, counted: Counted, goal: Goal) -> Addition:
    """Learn new tokens of a script from pieces and how often they occur.

    Raises:
        DataError: no piece is of the script.
    """
    pairs = byte_pairs(base.core)
    counted = with_script(counted, goal.script)
    if not len(counted.counts):
        raise DataError("the records hold no text of the script that is to be added")
    ids, counts = merge_alone(pairs.table(), TextBuffer(read_only(counted.data), counted.offsets))
    # an id without bytes gets some that no text has, so that ids stay what they are
    known = [pairs.tokens.get(n, b"\xff\xff" + n.to_bytes(4)) for n in range(base.vocab_size)]
    found = learn(words_of(ids, counts, counted.counts), known, goal.pieces, goal.least, goal.script)
    merges = zip(found.pairs.tolist(), found.made.tolist(), strict=True)
    return Addition(base.vocab_size, found.tokens[base.vocab_size :], [(*pair, made) for pair, made in merges])


def with_script(counted: Counted, script: Script) -> Counted:
    """Keep the pieces that have a character of a script."""
    data, offsets = counted.data.tobytes(), counted.offsets
    text = np.frombuffer(data.decode().encode("utf-32-le"), np.uint32)
    first = (np.frombuffer(data, np.uint8) & 0xC0) != 0x80
    place = np.concatenate([[0], np.cumsum(first)])[offsets]
    total = np.concatenate([[0], np.cumsum(script.points[text])])
    keep = total[place[1:]] > total[place[:-1]]
    lengths = np.diff(offsets)
    kept = np.frombuffer(data, np.uint8)[np.repeat(keep, lengths)]
    return Counted(kept, np.concatenate([[0], np.cumsum(lengths[keep])]), counted.counts[keep])


def extended(base: Tokenizer, addition: Addition, multiple: int) -> Any:
    """Put the new tokens behind all ids of the old tokenizer; spare special ones fill a multiple up."""
    content = json.loads(base.core.to_str())
    model, added = content["model"], content["added_tokens"]
    vocab: dict[str, int] = model["vocab"]
    # special tokens are given ids by the library unless the model knows them, too
    vocab.update({token["content"]: token["id"] for token in added})
    names = {number: token for token, number in vocab.items()}
    written = alphabet(base.core)
    for n, token in enumerate(addition.tokens):
        names[addition.start + n] = written.name(token)
        vocab[written.name(token)] = addition.start + n
    pairs = [[names[left], names[right]] for left, right, _ in addition.merges]
    plain = all(isinstance(pair, list) for pair in model["merges"])
    model["merges"] += pairs if plain else [" ".join(pair) for pair in pairs]
    core = need("tokenizers", "train").Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
    size = addition.start + len(addition.tokens)
    spares = [f"<|added_spare_{n}|>" for n in range(-size % multiple)]
    added_token = need("tokenizers", "train").AddedToken
    core.add_special_tokens([added_token(name, special=True, normalized=False) for name in spares])
    return core


def reachable_only(base: Tokenizer, addition: Addition, counted: Counted) -> tuple[Addition, int]:
    """Drop new tokens that no text gives, until there is none; also gives how many were dropped."""
    before = len(addition.tokens)
    while addition.tokens:
        made = replace(base, core=extended(base, addition, 1), _chosen={})
        lost = new_unreachable(made, addition.start, made.count_pieces(counted))
        if not lost:
            break
        addition = addition.without(set(lost))
    return addition, before - len(addition.tokens)


def means(base: Tokenizer, addition: Addition) -> dict[int, list[int]]:
    """Say of which old ids each new token was made."""
    buffer, offsets = b"".join(addition.tokens), np.cumsum([0, *map(len, addition.tokens)])
    pieces = TextBuffer(read_only(np.frombuffer(buffer or b"\0", np.uint8)), offsets.astype(np.int64))
    parts = split(merge_alone(byte_pairs(base.core).table(), pieces))
    return {addition.start + n: row.tolist() for n, row in enumerate(parts)}


def rows(old: int, new: int, means: Mapping[int, list[int]], names: Mapping[str, str]) -> dict[str, Any]:
    """Write a row map: ``rows[old id]`` is the new id, ``means[new id]`` are the old ids whose mean it begins as.

    Rows of which nothing is said (spare ones, and text that the old tokenizer does not know) are the mean of all.
    """
    return {
        **names,
        "old_size": old,
        "new_size": new,
        "rows": list(range(old)),
        "means": {str(number): means.get(number, []) for number in range(old, new)},
    }
