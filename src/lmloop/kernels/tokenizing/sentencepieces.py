"""New pieces for a SentencePiece model (Llama's first tokenizers are such), without touching the old.

How a model of unigrams is extended, :mod:`lmloop.kernels.tokenizing.unigrams` says. In one of byte pairs, neighbours
are merged if together they are a piece, and the piece of the highest score comes first. New pieces therefore get
scores below all old ones, in the order in which they were learned, and hold nothing but characters of their script.
The file is a list of messages of protocol buffers, so pieces are added by appending them.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.kernels.tokenizing import unigrams
from lmloop.kernels.tokenizing.byte_pairs import piece_bytes
from lmloop.kernels.tokenizing.formats import SentencePieceFile
from lmloop.kernels.tokenizing.learning import learn, words_of
from lmloop.kernels.tokenizing.proving import new_unreachable
from lmloop.kernels.tokenizing.units import CHARACTERS, SPACE, Goal, forget, run_of

UNIGRAM, BYTE_PAIRS = 1, 2
OTHERS: dict[int | bytes, str] = {3: "whole words", 4: "single characters"}
NORMAL, USER_DEFINED, UNUSED = 1, 4, 5


def kind_of(model: bytes) -> int:
    """Say of which kind a model is: ``UNIGRAM`` or ``BYTE_PAIRS``.

    Raises:
        DataError: it is of another, which cannot be extended.
    """
    kind: int | bytes = UNIGRAM
    for number, value in _fields(model):
        if number == 2 and isinstance(value, bytes):
            kind = ([kind] + [inner for name, inner in _fields(value) if name == 3])[-1]
    if kind not in (UNIGRAM, BYTE_PAIRS):
        raise DataError(
            f"this SentencePiece model cannot be extended: it is of {OTHERS.get(kind, 'a kind that is not known')}",
            hint="train a new tokenizer",
        )
    return int(kind)


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


def learn_pieces(model: bytes, texts: Iterable[str], goal: Goal) -> tuple[list[str], int]:
    """Learn new pieces of a script on top of a model of byte pairs, in the order of their scores.

    All of them can be reached.

    Also gives how many were left out because no text gave them.

    Raises:
        DataError: the texts have no character of the script.
    """
    base = open_model(model)
    runs = _runs(base.model, texts, goal, "")
    if not runs:
        raise DataError("the records hold no text of the script that is to be added")
    known = {base.model.id_to_piece(n) for n in range(base.vocab_size)}
    letters: Counter[str] = Counter()
    for run, count in runs.items():
        letters.update({letter: count * run.count(letter) for letter in set(run)})
    new_letters = [item for item in letters.most_common() if item[0] not in known and item[1] >= goal.least]
    singles = [letter for letter, _ in new_letters[: int(CHARACTERS * goal.pieces)]]
    pieces = [*singles, *_learn_merged(base.model, runs, goal, goal.pieces - len(singles))]
    pieces = [piece for piece in dict.fromkeys(pieces) if piece not in known]
    before = len(pieces)
    while pieces:
        made = open_model(below_all(model, pieces))
        lost = set(new_unreachable(made, base.vocab_size, None))
        if not lost:
            break
        pieces = [piece for n, piece in enumerate(pieces) if base.vocab_size + n not in lost]
    return pieces, before - len(pieces)


def learn_unigrams(model: bytes, texts: Iterable[str], goal: Goal) -> tuple[list[tuple[str, float]], int]:
    """Learn new pieces with their scores for a model of unigrams; all of them can be reached.

    Also gives how many were left out because no text gave them.

    Raises:
        DataError: the texts have no character of the script.
    """
    base = open_model(model)
    runs = _runs(base.model, texts, goal, f"{SPACE}?")
    pieces = unigrams.learn(runs, _old(model), goal)
    before = len(pieces)
    while pieces:
        lost = set(new_unreachable(open_model(append(model, pieces)), base.vocab_size, None))
        if not lost:
            break
        pieces = [piece for n, piece in enumerate(pieces) if base.vocab_size + n not in lost]
    return pieces, before - len(pieces)


def means(model: bytes, pieces: Sequence[str]) -> dict[int, list[int]]:
    """Say of which old ids each new piece was made: those of its text, without the space that the model puts first."""
    base = open_model(model).model
    found = {}
    for n, piece in enumerate(pieces):
        ids = base.encode_as_ids(piece.replace(SPACE, " "))
        ids = ids[1:] if ids and base.id_to_piece(ids[0]) == SPACE and not piece.startswith(SPACE) else ids
        found[base.get_piece_size() + n] = [number for number in ids if number != base.unk_id()]
    return found


def _runs(base: Any, texts: Iterable[str], goal: Goal, before: str) -> Counter[str]:
    """Count the runs of a script's characters, as the model normalizes them."""
    pattern = run_of(goal.script, before)
    runs: Counter[str] = Counter()
    for text in texts:
        runs.update(pattern.findall(base.normalize(text)))
        forget(runs, goal.most)
    return runs


def _learn_merged(base: Any, runs: Counter[str], goal: Goal, most: int) -> list[str]:
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
    found = learn(words, known, most, goal.least, goal.script)
    return [token.decode() for token in found.tokens[len(known) :]]


def _old(model: bytes) -> unigrams.Old:
    """Read the pieces that can stand in a text, and the scores that others are worked out from."""
    scores: dict[str, float] = {}
    normal = []
    for number, value in _fields(model):
        if number != 1 or not isinstance(value, bytes):
            continue
        row = dict(_fields(value))
        kind, piece, score = row.get(3, NORMAL), row.get(1, b""), row.get(2, bytes(4))
        assert isinstance(piece, bytes)
        assert isinstance(score, bytes)
        if kind in (NORMAL, USER_DEFINED, UNUSED):
            scores[piece.decode()] = struct.unpack("<f", score)[0]
        if kind == NORMAL:
            normal.append(scores[piece.decode()])
    return unigrams.Old(scores, min(normal), max(normal))


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
