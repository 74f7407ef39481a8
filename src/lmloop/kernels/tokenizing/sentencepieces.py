"""New pieces for a SentencePiece model of byte pairs (Llama's first tokenizers are such), without touching the old.

In such a model neighbours are merged if together they are a piece, and the piece of the highest score comes first. New
pieces therefore get scores below all old ones, in the order in which they were learned, and hold nothing but
characters of their script. The file is a list of messages of protocol buffers, so pieces are added by appending them.
"""

import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.kernels.tokenizing.byte_pairs import piece_bytes
from lmloop.kernels.tokenizing.extending import new_unreachable
from lmloop.kernels.tokenizing.formats import SentencePieceFile
from lmloop.kernels.tokenizing.learning import learn, words_of
from lmloop.kernels.tokenizing.scripts import Script

BYTE_PAIRS = 2
CHARACTERS = 0.25
"""At most so much of the new pieces are single characters that the old model does not know."""


def check_byte_pairs(model: bytes) -> None:
    """Raise a DataError for a model that is not of byte pairs: with unigrams, scores of two models do not compare."""
    for number, value in _fields(model):
        if number == 2 and isinstance(value, bytes):
            kinds = [kind for inner, kind in _fields(value) if inner == 3]
            if kinds and kinds[-1] == BYTE_PAIRS:
                return
    raise DataError(
        "this SentencePiece model is not of byte pairs, and cannot be extended without changing what it gives",
        hint="train a new tokenizer",
    )


def open_model(content: bytes) -> SentencePieceFile:
    """Open a model from its bytes."""
    return SentencePieceFile(need("sentencepiece", "train").SentencePieceProcessor(model_proto=content))


def append(model: bytes, pieces: Iterable[tuple[str, float]]) -> bytes:
    """Append pieces with their scores to a model."""
    rows = [_tagged(1, piece.encode()) + b"\x15" + struct.pack("<f", score) for piece, score in pieces]
    return model + b"".join(_tagged(1, row) for row in rows)


def below_all(model: bytes, pieces: Sequence[str]) -> bytes:
    """Append pieces in order, each with a score below all before it."""
    old = open_model(model).model
    lowest = min(old.get_score(n) for n in range(old.get_piece_size()))
    return append(model, ((piece, lowest - 1.0 - n) for n, piece in enumerate(pieces)))


def learn_pieces(model: bytes, texts: Iterable[str], script: Script, most: int, least: int) -> tuple[list[str], int]:
    """Learn new pieces of a script on top of a model, in the order of their scores; all of them can be reached.

    Also gives how many were left out because no text gave them.

    Raises:
        DataError: the texts have no character of the script.
    """
    base = open_model(model)
    runs = _runs(base.model, texts, script)
    if not runs:
        raise DataError("the records hold no text of the script that is to be added")
    known = {base.model.id_to_piece(n) for n in range(base.vocab_size)}
    letters: Counter[str] = Counter()
    for run, count in runs.items():
        letters.update({letter: count * run.count(letter) for letter in set(run)})
    new_letters = [item for item in letters.most_common() if item[0] not in known and item[1] >= least]
    singles = [letter for letter, _ in new_letters[: int(CHARACTERS * most)]]
    pieces = [*singles, *_learn_merged(base.model, runs, script, most - len(singles), least)]
    pieces = [piece for piece in dict.fromkeys(pieces) if piece not in known]
    before = len(pieces)
    while pieces:
        made = open_model(below_all(model, pieces))
        lost = set(new_unreachable(made, base.vocab_size, None))
        if not lost:
            break
        pieces = [piece for n, piece in enumerate(pieces) if base.vocab_size + n not in lost]
    return pieces, before - len(pieces)


def means(model: bytes, pieces: Sequence[str]) -> dict[int, list[int]]:
    """Say of which old ids each new piece was made: those of its text, without the space that the model puts first."""
    base = open_model(model).model
    found = {}
    for n, piece in enumerate(pieces):
        ids = base.encode_as_ids(piece)
        found[base.get_piece_size() + n] = ids[1:] if ids and base.id_to_piece(ids[0]) == "▁" else ids
    return found


def _runs(base: Any, texts: Iterable[str], script: Script) -> Counter[str]:
    """Count the runs of a script's characters, as the model normalizes them."""
    letters = np.flatnonzero(script.points)
    edges = np.flatnonzero(np.diff(letters) > 1)
    firsts = letters[np.concatenate([[0], edges + 1])]
    lasts = letters[np.concatenate([edges, [len(letters) - 1]])]
    spans = "".join(f"{chr(a)}-{chr(b)}" for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True))
    pattern = re.compile(f"[{spans}]{{1,64}}")
    runs: Counter[str] = Counter()
    for text in texts:
        if pattern.search(text):
            runs.update(pattern.findall(base.normalize(text)))
    return runs


def _learn_merged(base: Any, runs: Counter[str], script: Script, most: int, least: int) -> list[str]:
    """Merge further what the model gives for runs; a character that it does not know counts as one symbol."""
    numbers: dict[str, int] = {}
    ids: list[int] = []
    counts: list[int] = []
    for run in runs:
        symbols = _symbols(base.encode_as_pieces(run))
        ids += [numbers.setdefault(symbol, len(numbers)) for symbol in symbols]
        counts.append(len(symbols))
    words = words_of(np.array(ids, np.uint32), np.array(counts, np.int64), np.array(list(runs.values()), np.int64))
    known = [symbol.encode() for symbol in numbers]
    found = learn(words, known, most, least, script)
    return [token.decode() for token in found.tokens[len(known) :]]


def _symbols(pieces: Sequence[str]) -> list[str]:
    """Put bytes together to characters again, and leave the space out that stands before all."""
    found: list[str] = []
    waiting = b""
    for piece in pieces:
        if piece.startswith("<0x"):
            waiting += piece_bytes(piece)
            continue
        found += list(waiting.decode(errors="ignore"))
        waiting = b""
        if bare := piece.replace("▁", ""):
            found.append(bare)
    return found + list(waiting.decode(errors="ignore"))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Read the fields of a message: number and value; what has a fixed width is given as bytes."""
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _number(message, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _number(message, at)
        else:
            size = 4 if kind == 5 else 8
        yield tag >> 3, message[at : at + size]
        at += size


def _number(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _tagged(number: int, content: bytes) -> bytes:
    size, head = len(content), bytearray([number << 3 | 2])
    while size >= 0x80:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + content
