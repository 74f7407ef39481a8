"""Compile all kernels once, so that worker processes only load them."""

import numpy as np
import pyarrow as pa

from lmloop.kernels.c4 import c4
from lmloop.kernels.fineweb import fineweb_statistics
from lmloop.kernels.groups import Edges, connected_components
from lmloop.kernels.hashing import hash128
from lmloop.kernels.minhash import minhash, shingles
from lmloop.kernels.normal import normal_form
from lmloop.kernels.peer.c4 import peer_c4
from lmloop.kernels.peer.minhash import peer_minhash
from lmloop.kernels.peer.words import peer_segment
from lmloop.kernels.quality import quality_statistics
from lmloop.kernels.repetition import repetition_statistics
from lmloop.kernels.text import code_points, text_buffer
from lmloop.kernels.words import segment


def warm() -> None:
    """Run every kernel on one line: seconds where they must be compiled, a moment where they are kept on disk."""
    buffer = text_buffer(pa.array(["A line. 一行。"]))
    for tokens, peer in ((segment(buffer), False), (peer_segment(buffer), True)):
        quality_statistics(buffer, tokens, marks_are_words=peer)
        repetition_statistics(buffer, tokens, joined=peer)
        fineweb_statistics(buffer, tokens, peer=peer)
    code_points(buffer)
    hash128(normal_form(buffer))
    c4(buffer)
    peer_c4(buffer)
    minhash(buffer)
    peer_minhash(buffer)
    shingles(buffer)
    row = np.zeros(1, np.uint64)
    list(connected_components([Edges(row, row)]))
