"""What the model of a tokenizer is given: text behind the normalizer and the cutter of the library itself.

The compiled loops know the patterns of byte-level tokenizers without a normalizer. To learn new pieces for others,
their own parts do the work, slower; of what they give, only what has a character of the new script is counted.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.byte_pairs import piece_bytes
from lmloop.kernels.tokenizing.errors import Unsupported
from lmloop.kernels.tokenizing.formats import AnyTokenizer, SentencePieceFile
from lmloop.kernels.tokenizing.letters import to_bytes, to_letters
from lmloop.kernels.tokenizing.scripts import Script, has_script, script_class

SPACE = "▁"
RUN = 64
"""The most characters of a run that pieces are learned from."""
CHARACTERS = 0.5
"""At most so much of the new pieces are single characters that the old model does not know.

A character of three bytes saves two tokens where it stands, a pair of pieces one: on Chinese text, half of each is
best.
"""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be learned: how many pieces, of which script, each at least so often.

    ``most`` bounds how many different runs of text are kept at a time.
    """

    pieces: int
    script: Script
    least: int = 2
    most: int = 1 << 21


@dataclass(frozen=True, slots=True)
class Alphabet:
    """How a model writes text: ``letters`` for bytes, or characters, with ``▁`` for a space."""

    letters: bool

    def text(self, piece: str) -> str:
        """Read what the model is given; parts of characters are left out."""
        return (to_bytes(piece) if self.letters else piece_bytes(piece)).decode(errors="ignore")

    def whole(self, piece: str) -> str:
        """Read a piece; nothing if it has parts of characters, or is written in another way."""
        try:
            return (to_bytes(piece) if self.letters else piece_bytes(piece)).decode()
        except (UnicodeDecodeError, Unsupported):
            return ""

    def name(self, token: bytes) -> str:
        """Write the bytes of a token as the model does."""
        return to_letters(token) if self.letters else token.decode().replace(" ", SPACE)


def alphabet(core: Any) -> Alphabet:
    """Find out how the model of a ``tokenizers.Tokenizer`` writes text."""
    content = json.loads(core.to_str())
    return Alphabet("ByteLevel" in {*_kinds(content["normalizer"]), *_kinds(content["pre_tokenizer"])})


def normalizer(tokenizer: AnyTokenizer) -> Callable[[str], str] | None:
    """Give what a tokenizer makes of text before it is cut; None for nothing."""
    if isinstance(tokenizer, SentencePieceFile):
        normalize: Callable[[str], str] = tokenizer.model.normalize
        return normalize
    if not isinstance(tokenizer, Tokenizer) or tokenizer.core.normalizer is None:
        return None
    normalize = tokenizer.core.normalizer.normalize_str
    if "ByteLevel" not in _kinds(json.loads(tokenizer.core.to_str())["normalizer"]):
        return normalize
    return lambda text: to_bytes(normalize(text)).decode(errors="ignore")


def count_units(core: Any, texts: Iterable[str], goal: Goal) -> Counter[str]:
    """Count the pieces with the script that the model of a ``tokenizers.Tokenizer`` is given."""
    written = alphabet(core)
    found: Counter[str] = Counter()
    for text in texts:
        shown = core.normalizer.normalize_str(text) if core.normalizer else text
        cut = [piece for piece, _ in core.pre_tokenizer.pre_tokenize_str(shown)] if core.pre_tokenizer else [shown]
        found.update(piece for piece in cut if has_script(written.text(piece), goal.script))
        forget(found, goal.most)
    return found


def run_of(script: Script, before: str = "") -> re.Pattern[str]:
    """Give the expression for a run of the script's characters, with what stands ``before`` it."""
    return re.compile(f"{before}{script_class(script)}{{1,{RUN}}}")


def count_runs(units: Mapping[str, int], pattern: re.Pattern[str]) -> Counter[str]:
    """Count the runs in texts that occur so often."""
    runs: Counter[str] = Counter()
    for unit, count in units.items():
        for run in pattern.findall(unit):
            runs[run] += count
    return runs


def forget(found: Counter[str], most: int) -> None:
    """Forget the rarest half where there are too many different ones."""
    if len(found) > most:
        kept = found.most_common(most // 2)
        found.clear()
        found.update(dict(kept))


def _kinds(part: Any) -> Iterator[str]:
    """List the types of a part of a ``tokenizer.json``, of those inside a sequence, too."""
    if part:
        yield part["type"]
        for inner in (*part.get("normalizers", ()), *part.get("pretokenizers", ())):
            yield from _kinds(inner)
