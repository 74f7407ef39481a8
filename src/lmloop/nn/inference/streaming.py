"""A reply in pieces: written in a thread that tells of each token, and handed on as it comes. No torch here."""

from collections.abc import Callable, Generator, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias

from lmloop.core.model import Reply, cut_at_stop, held_back
from lmloop.nn.inference.stopping import BROKEN

Heard: TypeAlias = Callable[[Sequence[int]], bool]


def stream(
    write: Callable[[Heard], Reply], decode: Callable[[Sequence[int]], str], stops: Sequence[str]
) -> Generator[str, None, Reply]:
    """Give the pieces of what ``write`` writes while its ears hear of all ids so far; return the reply.

    What may be the beginning of a stop string, or of a character, is held back. Whoever stops listening ends it.
    """
    pieces: SimpleQueue[str | Reply | Exception] = SimpleQueue()
    given, left = "", False

    def heard(ids: Sequence[int]) -> bool:
        nonlocal given
        text, _ = cut_at_stop(decode(ids).rstrip(BROKEN), stops)
        ready = text[: len(text) - held_back(text, stops)]
        if len(ready) > len(given) and ready.startswith(given):
            pieces.put(ready[len(given) :])
            given = ready
        return left

    def work() -> None:
        try:
            pieces.put(write(heard))
        except Exception as bad:
            pieces.put(bad)

    writer = Thread(target=work, name="stream", daemon=True)
    writer.start()
    try:
        while isinstance(piece := pieces.get(), str):
            yield piece
    finally:
        left = True
        writer.join()
    if isinstance(piece, Exception):
        raise piece
    if rest := piece.text[len(given) :]:
        yield rest
    return piece
