"""New pieces for a unigram model (Kudo 2018, section 3.2), and not one id of other text changed.

A unigram model takes the cut of a text whose pieces have the largest sum of scores (Viterbi). A new piece that holds a
character of the new script can stand in no cut of a text without that script; so if no old score changes, the sums
of all cuts of such a text are what they were, and so is the best. Two things could still change it, and both are kept:

* A character without a piece costs the lowest score of all and 10 more, in SentencePiece and in ``tokenizers``. That
  decides nothing where each character that stands in a piece is a piece of its own, too: then all cuts of a text have
  the same unknown characters. Where that is not so (``hidden`` characters), no new score is below the lowest old.
* What a user defined as a piece gets its score from the highest of all: no new score is above the highest old.

The new scores are the log probabilities of a unigram model of the script alone, learned by SentencePiece. In text of
the script the new pieces stand against characters that cost more or old pieces that are rarer, so they come up; those
that do not are found and left out.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.proving import new_unreachable
from lmloop.kernels.tokenizing.training import unigram_settings
from lmloop.kernels.tokenizing.units import CHARACTERS, SPACE, Alphabet, Goal, alphabet, count_runs, count_units, run_of


@dataclass(frozen=True, slots=True)
class Old:
    """The pieces of a model as it writes them, with their scores; and the lowest and the highest that count."""

    scores: Mapping[str, float]
    lowest: float
    highest: float
    written: Alphabet = field(default_factory=lambda: Alphabet(False))

    def texts(self) -> set[str]:
        """Give the texts of the pieces, with ``▁`` for a space; without parts of characters."""
        found = (self.written.whole(piece) for piece in self.scores)
        return {text.replace(" ", SPACE) for text in found if text}

    def hidden(self) -> set[str]:
        """Give the characters that are part of a piece, but no piece."""
        return {letter for piece in self.scores for letter in piece if letter not in self.scores}


def learn(runs: Counter[str], old: Old, goal: Goal) -> list[tuple[str, float]]:
    """Learn pieces that are not old ones, with the scores that they are to have, the most probable first.

    Raises:
        DataError: there are no runs.
    """
    if not runs:
        raise DataError("the records hold no text of the script that is to be added")
    known = old.texts()
    parts = _with_known(runs, known, goal)
    among = {run[i : i + 1] for run in parts for i in range(len(run))}
    old_words = sum(1 for piece in known if len(piece) > 1 and set(piece) <= among)
    found = _train(parts, goal.pieces + len(among) + old_words)
    pieces = [(piece, score) for piece, score in found if piece not in known and piece != SPACE]
    floor = old.lowest if old.hidden() else -float("inf")
    return [
        (old.written.name(piece.replace(SPACE, " ").encode()), min(max(score, floor), old.highest))
        for piece, score in pieces[: goal.pieces]
    ]


def extend(base: Tokenizer, texts: Iterable[str], goal: Goal, multiple: int) -> tuple[Any, list[str], int]:
    """Extend a ``tokenizer.json`` of unigrams: gives the library's tokenizer, new pieces, and how many were left out.

    Raises:
        DataError: the texts have no character of the script; or text would get other ids.
    """
    written = alphabet(base.core)
    units = count_units(base.core, texts, goal)
    shown: Counter[str] = Counter()
    for unit, count in units.items():
        shown[written.text(unit).replace(" ", SPACE)] += count
    runs = count_runs(shown, run_of(goal.script, f"{SPACE}?"))
    pieces = learn(runs, read(base.core), goal)
    before = len(pieces)
    while pieces:
        made = Tokenizer(_with(base, pieces, 1), base.config, "")
        lost = set(new_unreachable(made, base.vocab_size, None))
        if not lost:
            break
        pieces = [piece for n, piece in enumerate(pieces) if base.vocab_size + n not in lost]
    return _with(base, pieces, multiple), [piece for piece, _ in pieces], before - len(pieces)


def read(core: Any) -> Old:
    """Read the pieces of a ``tokenizers.Tokenizer`` of unigrams."""
    scores = {piece: score for piece, score in json.loads(core.to_str())["model"]["vocab"]}
    return Old(scores, min(scores.values()), max(scores.values()), alphabet(core))


def _with_known(runs: Counter[str], known: set[str], goal: Goal) -> Counter[str]:
    """Cut runs at characters that are rare and not known: those stay what they are."""
    letters: Counter[str] = Counter()
    for run, count in runs.items():
        letters.update({letter: count * run.count(letter) for letter in set(run)})
    new = [letter for letter, count in letters.most_common() if letter not in known and count >= goal.least]
    kept = {SPACE, *new[: max(1, int(CHARACTERS * goal.pieces))], *(letter for letter in letters if letter in known)}
    parts: Counter[str] = Counter()
    for run, count in runs.items():
        shown = "".join(letter if letter in kept else "\n" for letter in run)
        parts.update({part: count for part in shown.split("\n") if part.strip(SPACE)})
    return Counter({part: count for part, count in parts.items() if count})


def _train(parts: Counter[str], size: int) -> list[tuple[str, float]]:
    """Learn a unigram model of counted runs with SentencePiece: its pieces and scores, the most probable first."""
    library = need("sentencepiece", "train")
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "runs.tsv"
        with rows.open("w", encoding="utf-8", newline="\n") as out:
            for part, count in parts.items():
                out.write(f"{part.replace(SPACE, ' ')}\t{count}\n")
        prefix = str(Path(folder) / "model")
        try:
            library.SentencePieceTrainer.train(**unigram_settings(str(rows), prefix, size))
        except (RuntimeError, OSError) as bad:
            raise DataError(f"SentencePiece learns nothing of these records: {bad}") from None
        model = library.SentencePieceProcessor(model_file=f"{prefix}.model")
    found = [(model.id_to_piece(n), model.get_score(n)) for n in range(1, model.get_piece_size())]
    return sorted(found, key=lambda row: -row[1])


def _with(base: Tokenizer, pieces: list[tuple[str, float]], multiple: int) -> Any:
    """Put new pieces behind all ids; special tokens that have ids of their own get places before them."""
    library = need("tokenizers", "train")
    content = json.loads(base.core.to_str())
    vocab, added = content["model"]["vocab"], content["added_tokens"]
    vocab += _places({token["id"]: token["content"] for token in added}, vocab, base)
    vocab += [[piece, score] for piece, score in pieces]
    core = library.Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
    spares = [f"<|added_spare_{n}|>" for n in range(-len(vocab) % multiple)]
    core.add_special_tokens([library.AddedToken(name, special=True, normalized=False) for name in spares])
    return core


def _places(names: Mapping[int, str], vocab: list[list[Any]], base: Tokenizer) -> list[list[Any]]:
    """Write special tokens as pieces, so that ids stay what they are, with scores that no cut of a text takes."""
    start = len(vocab)
    if start == base.vocab_size:
        return []
    old = Old({piece: score for piece, score in vocab}, 0.0, 0.0)
    lowest = min(score for _, score in vocab)
    odd = old.hidden() | {letter for name in names.values() for letter in name if letter not in old.scores}
    wanted = [names.get(n, f"<|no_{n}|>") for n in range(start, base.vocab_size)]
    if odd:
        raise DataError(
            f"this tokenizer cannot be extended: its special tokens ({wanted[0]!r}) stand behind its pieces, "
            f"and as pieces they would change what text with {min(odd)!r} gives, which is no piece of its own",
            hint="train a new tokenizer",
        )
    return [[name, (len(name) + 1) * lowest - 1.0] for name in wanted]
