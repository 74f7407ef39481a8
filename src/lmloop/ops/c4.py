"""C4's rules: lines that read like sentences stay, and documents with enough of them."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import NonNegativeInt

from lmloop.core.batch import Batch, with_text
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.c4 import REASONS, RULES, C4Limits
from lmloop.kernels.c4 import c4 as apply_c4
from lmloop.kernels.peer.c4 import peer_c4
from lmloop.kernels.pieces import text_array
from lmloop.kernels.segmentation import Words
from lmloop.kernels.text import text_buffer

Rule = Literal["lorem-ipsum", "curly-bracket", "javascript", "policy", "terminal-mark", "citations"]


class C4(Filter):
    """Keep lines that end in a terminal mark, and documents with at least ``min_sentences`` sentences in them.

    A line goes that does not end in one of ``. ? ! " '``, or ends in an ellipsis, has fewer than ``min_line_words``
    words or one of more than ``max_word_length`` characters, or speaks of JavaScript, cookies, privacy policies or
    terms of use. A document goes that has "lorem ipsum" or a curly bracket in such a line. Citations ("[1]", "[edit]",
    "[citation needed]") are removed. Of these ``rules`` some can be left out: FineWeb's recipe leaves out
    "terminal-mark". How the rules are read in Chinese stands in ``lmloop.kernels.c4``.

    ``words = "spacy-en"`` reads the rules as datatrove does, decision for decision and byte for byte: sentences are
    those of spaCy's sentencizer, and no text is read as Chinese.

    Source: Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
    section 2.2, and the authors' code, which is followed where they differ: the paper drops a page for a curly bracket
    anywhere, the code only for one in a line that has come so far.
    """

    reasons: ClassVar[tuple[str, ...]] = REASONS[1:]
    rewrites: ClassVar[bool] = True

    min_sentences: NonNegativeInt = 5
    min_line_words: float = 3
    max_word_length: NonNegativeInt = 1000
    rules: list[Rule] = ["lorem-ipsum", "curly-bracket", "javascript", "policy", "terminal-mark", "citations"]
    words: Words = "unicode"

    def judge(self, batch: Batch) -> Verdict:
        """Rewrite each document, and count what is left of it."""
        rules = sum(1 << RULES.index(rule) for rule in set(self.rules))
        limits = C4Limits(self.max_word_length, self.min_line_words, self.min_sentences, rules)
        apply = apply_c4 if self.words == "unicode" else peer_c4
        result = apply(text_buffer(batch.column("text")), limits)
        share = result.kept_lines / np.maximum(result.lines, 1)
        stats = {"sentences": result.sentences, "kept_lines": share}
        return Verdict(result.reasons, stats, with_text(batch, text_array(result.text)))
