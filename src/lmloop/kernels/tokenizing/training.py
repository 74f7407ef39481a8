"""Training a tokenizer from pieces and how often they occur."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.kernels.tokenizing.counting import Counted
from lmloop.kernels.tokenizing.learning import learn, words_of
from lmloop.kernels.tokenizing.letters import letters, to_letters
from lmloop.kernels.tokenizing.scripts import any_script

Algorithm: TypeAlias = Literal["bpe", "unigram"]
Trainer: TypeAlias = Literal["compiled", "tokenizers", "rustbpe", "sentencepiece"]
Merge: TypeAlias = tuple[bytes, bytes]

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"
LONGEST_UNIGRAM = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train: how many ids in all, raised to a multiple; the pattern; the names of special tokens, in order.

    A pair, or a piece, that occurs less than ``least`` times becomes no token.
    """

    vocab_size: int
    pattern: str
    specials: Sequence[str] = (BOS, EOS, PAD)
    multiple: int = 64
    least: int = 2

    @property
    def pieces(self) -> int:
        """How many tokens are to be learned, single bytes included."""
        size = -(-self.vocab_size // self.multiple) * self.multiple
        return size - len(self.specials)


def train(counted: Counted, plan: Plan) -> Any:
    """Learn byte-pair merges; gives a ``tokenizers.Tokenizer``.

    Every text has ids and comes back as it was: the first 256 tokens are the bytes, in the order of their letters as
    in the reference library, then come the learned ones, then special and spare tokens.

    Raises:
        DataError: there is nothing to learn from.
    """
    _check(counted)
    order = sorted(range(256), key=lambda byte: letters()[byte])
    numbers = np.zeros(256, np.uint32)
    numbers[order] = np.arange(256)
    words = words_of(numbers[counted.data], np.diff(counted.offsets), counted.counts)
    tokens = [bytes([byte]) for byte in order]
    found = learn(words, tokens, plan.pieces - 256, plan.least, any_script())
    merges = [(found.tokens[left], found.tokens[right]) for left, right in found.pairs.tolist()]
    return finished(bpe_model(found.tokens, merges), plan)


def train_reference(texts: Iterator[str], plan: Plan) -> Any:
    """Learn byte-pair merges with the reference library, from the texts themselves."""
    tokenizers = need("tokenizers", "train")
    core = tokenizers.Tokenizer(tokenizers.models.BPE())
    core.pre_tokenizer = _pre_tokenizer(plan.pattern)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=plan.pieces,
        min_frequency=plan.least,
        special_tokens=[],
        initial_alphabet=list(letters()),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    return finished(core.model, plan)


def train_rust(texts: Iterator[str], plan: Plan) -> Any:
    """Learn byte-pair merges with ``rustbpe``, from the texts themselves. Its ties are broken in another way."""
    trainer = need("rustbpe", "tokenizer").Tokenizer()
    trainer.train_from_iterator(texts, plan.pieces, pattern=plan.pattern)
    tokens = [bytes(token) for token, _ in trainer.get_mergeable_ranks()]
    return finished(bpe_model(tokens, ranked_merges(tokens)), plan)


def train_unigram(counted: Counted, plan: Plan) -> Any:
    """Learn a unigram model (Kudo 2018, section 3.2) with ``sentencepiece``; gives a ``tokenizers.Tokenizer``.

    The pieces are written as letters for bytes, so that nothing is unknown and nothing is lost.
    """
    _check(counted)
    library = need("sentencepiece", "train")
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "pieces.tsv"
        with rows.open("w", encoding="utf-8", newline="\n") as out:
            for piece, count in _pieces(counted):
                out.write(f"{to_letters(piece)}\t{count}\n")
        prefix = str(Path(folder) / "model")
        settings = unigram_settings(str(rows), prefix, plan.pieces)
        library.SentencePieceTrainer.train(**settings, required_chars=letters())
        model = library.SentencePieceProcessor(model_file=f"{prefix}.model")
    vocab = [(model.id_to_piece(n), model.get_score(n)) for n in range(1, model.get_piece_size())]
    have = {piece for piece, _ in vocab}
    lowest = min(score for _, score in vocab) - 1.0
    vocab += [(letter, lowest) for letter in letters() if letter not in have]
    tokenizers = need("tokenizers", "train")
    return finished(tokenizers.models.Unigram(vocab, None, False), plan)


TRAINERS: dict[Trainer, Callable[[Iterator[str], Plan], Any]] = {"tokenizers": train_reference, "rustbpe": train_rust}
"""The trainers that want texts."""


def bpe_model(tokens: Sequence[bytes], merges: Sequence[Merge]) -> Any:
    """Make a model of the reference library: the id of a token is its place."""
    vocab = {to_letters(token): number for number, token in enumerate(tokens)}
    pairs = [(to_letters(left), to_letters(right)) for left, right in merges]
    return need("tokenizers", "train").models.BPE(vocab=vocab, merges=pairs)


def ranked_merges(tokens: Sequence[bytes]) -> list[Merge]:
    """Give the merges behind tokens in the order of their ranks, as in files of tiktoken.

    Merging by rank, each token but a byte is put together from two others in one last step; those are its merge.
    """
    ranks = {token: rank for rank, token in enumerate(tokens)}
    found = []
    for token in tokens:
        parts = [token[k : k + 1] for k in range(len(token))]
        while len(parts) > 2:
            pairs = [ranks.get(parts[k] + parts[k + 1], len(ranks)) for k in range(len(parts) - 1)]
            best = min(range(len(pairs)), key=pairs.__getitem__)
            if pairs[best] >= ranks[token]:
                break
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        if len(parts) == 2:
            found.append((parts[0], parts[1]))
    return found


def _pre_tokenizer(pattern: str) -> Any:
    pre = need("tokenizers", "train").pre_tokenizers
    regex = need("tokenizers", "train").Regex(pattern)
    return pre.Sequence([pre.Split(regex, "isolated"), pre.ByteLevel(add_prefix_space=False, use_regex=False)])


def finished(model: Any, plan: Plan) -> Any:
    """Put a model, the pattern and the special tokens together; spare ones fill the last multiple up."""
    tokenizers = need("tokenizers", "train")
    core = tokenizers.Tokenizer(model)
    core.pre_tokenizer = _pre_tokenizer(plan.pattern)
    core.decoder = tokenizers.decoders.ByteLevel()
    names = list(plan.specials)
    missing = -(core.get_vocab_size() + len(names)) % plan.multiple
    free = (name for n in range(1 << 20) if (name := f"<|spare_{n}|>") not in names)
    names += [next(free) for _ in range(missing)]
    core.add_special_tokens([tokenizers.AddedToken(name, special=True, normalized=False) for name in names])
    return core


def unigram_settings(rows: str, prefix: str, size: int) -> dict[str, Any]:
    """Say how SentencePiece learns ``size`` unigrams of counted pieces, as they are written, and always the same."""
    return {
        "input": rows,
        "input_format": "tsv",
        "model_prefix": prefix,
        "model_type": "unigram",
        "vocab_size": size + 1,  # the unknown piece is left out afterwards
        "hard_vocab_limit": False,
        "character_coverage": 1.0,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "split_by_unicode_script": False,
        "split_by_number": False,
        "split_by_whitespace": False,
        "max_sentencepiece_length": LONGEST_UNIGRAM,
        "max_sentence_length": 1 << 16,
        "num_threads": 1,
        "unk_id": 0,
        "bos_id": -1,
        "eos_id": -1,
        "pad_id": -1,
        "minloglevel": 2,
    }


def _pieces(counted: Counted) -> Iterator[tuple[bytes, int]]:
    data = counted.data.tobytes()
    offsets = counted.offsets.tolist()
    for start, stop, count in zip(offsets, offsets[1:], counted.counts.tolist(), strict=False):
        yield data[start:stop], count


def _check(counted: Counted) -> None:
    if not len(counted.counts):
        raise DataError("there is no text to train on")
