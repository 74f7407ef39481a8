"""What stands around the text of Chinese web pages: rights, registration, editors, ways on."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from lmloop.core.batch import Batch, with_text
from lmloop.core.extras import need
from lmloop.core.op import Filter, Verdict
from lmloop.core.outside import OutsideFile
from lmloop.kernels.pieces import LINES, SENTENCES, cut, document_sums, keep_pieces
from lmloop.kernels.text import text_buffer

LIST = Path(__file__).with_name("boilerplate.txt")
SPACE = re.compile(r"\s+")


class Boilerplate(Filter):
    """Remove lines that hold a phrase of navigation, copyright or the like, and documents of which little is left.

    The phrases are those of Chinese web pages, in simplified and traditional characters (版权所有, 备案号, 上一篇,
    责任编辑): ``ops/boilerplate.txt`` beside this op, unless ``own_list`` is false, and those of ``files`` in the same
    form: a phrase a line, "^" before one that begins a line, "$" behind one that ends it. Only lines of up to
    ``max_line`` characters go, white space left aside: a longer one has text in it. With ``unit`` "sentences" single
    sentences are looked at and removed, for pages whose lines were lost. A document goes of whose characters more than
    ``max_removed`` were removed, or all. Needs the extra ``curate``.

    Source: ours; by lines as in Penedo et al. 2023, "The RefinedWeb Dataset for Falcon LLM", appendix G.2. The op
    ``clean-lines`` has their rules, and a short list for both languages.
    """

    reasons: ClassVar[tuple[str, ...]] = ("much-boilerplate", "nothing-left")
    rewrites: ClassVar[bool] = True

    files: list[OutsideFile] = []
    own_list: bool = True
    max_line: int = 60
    unit: Literal["lines", "sentences"] = "lines"
    max_removed: float = 0.5

    def judge(self, batch: Batch) -> Verdict:
        """Mark the lines that a phrase is found in, and put the documents together without them."""
        buffer = text_buffer(batch.column("text"))
        pieces = cut(buffer, LINES if self.unit == "lines" else SENTENCES)
        phrases = _phrases(tuple(self.files), self.own_list)
        data: Any = buffer.data.data
        gone, sizes = np.zeros(len(pieces.start), np.bool_), np.zeros(len(pieces.start), np.int64)
        for k, (start, stop) in enumerate(zip(pieces.start.tolist(), pieces.stop.tolist(), strict=True)):
            sizes[k] = stop - start
            if 0 < stop - start <= 8 * self.max_line:
                gone[k] = phrases.stand_in(bytes(data[start:stop]).decode("utf-8", "replace"), self.max_line)
        removed = document_sums(sizes * gone, pieces.first) / np.maximum(document_sums(sizes, pieces.first), 1)
        new = keep_pieces(buffer, pieces, ~gone) if gone.any() else batch.column("text")
        lines = document_sums(gone, pieces.first)
        empty = (lines > 0) & (document_sums((sizes > 0) & ~gone, pieces.first) == 0)
        codes = np.where(empty, 2, np.where(removed > self.max_removed, 1, 0)).astype(np.uint8)
        return Verdict(codes, {"removed": removed, "removed_lines": lines}, with_text(batch, new))


class _Phrases(NamedTuple):
    """Phrases to find: an automaton, and for each whether it must begin or end a line."""

    automaton: Any
    anchors: list[tuple[bool, bool]]

    def stand_in(self, line: str, most: int) -> bool:
        """Say whether one of the phrases stands in a line of at most so many characters."""
        bare = SPACE.sub("", line).lower()
        if not bare or len(bare) > most or self.automaton is None:
            return False
        found = self.automaton.find_matches_as_indexes(bare, overlapping=True)
        return any(self._fits(which, start, stop, len(bare)) for which, start, stop in found)

    def _fits(self, which: int, start: int, stop: int, size: int) -> bool:
        begins, ends = self.anchors[which]
        return (start == 0 or not begins) and (stop == size or not ends)


@cache
def _phrases(files: Sequence[OutsideFile], own_list: bool) -> _Phrases:
    own = OutsideFile(LIST).lines() if own_list else []
    wanted = sorted(set(_read([*own, *(line for file in files for line in file.lines())])))
    if not wanted:
        return _Phrases(None, [])
    automaton = need("ahocorasick_rs", "curate").AhoCorasick([phrase for phrase, _, _ in wanted])
    return _Phrases(automaton, [(begins, ends) for _, begins, ends in wanted])


def _read(lines: Iterable[str]) -> Iterable[tuple[str, bool, bool]]:
    """Read phrases: each bare and in lower case, with whether it begins and whether it ends a line."""
    for line in lines:
        begins, ends = line.startswith("^"), line.endswith("$")
        bare = SPACE.sub("", line[begins : len(line) - ends]).lower()
        if bare:
            yield bare, begins, ends
