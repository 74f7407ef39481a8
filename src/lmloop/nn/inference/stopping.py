"""Ending a reply at a stop string as soon as it is written, decoding only the last tokens. No torch here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

BROKEN = "\ufffd"
"""What a decoder writes for bytes that are no whole character yet."""
PATIENCE = 8
"""After so many tokens that give no whole character none will come."""


@dataclass(slots=True)
class Tail:
    """Follows a reply that grows token by token and says when one of its stop strings is there."""

    decode: Callable[[Sequence[int]], str]
    stops: Sequence[str]
    text: str = field(default="", init=False)
    _from: int = field(default=0, init=False)
    _read: int = field(default=0, init=False)

    def ended(self, ids: Sequence[int]) -> bool:
        """Hear of all ids so far, the last of which is new.

        What a token adds to a text can hang on the tokens just before it, so these are decoded with it.
        """
        old, new = self.decode(ids[self._from : self._read]), self.decode(ids[self._from :])
        whole = len(new) > len(old) and not new.endswith(BROKEN)
        if not whole and len(ids) - self._read < PATIENCE:
            return False
        added = new[len(old) :]
        self._from, self._read = self._read, len(ids)
        longest = max(map(len, self.stops), default=0)
        self.text = (self.text + added)[-longest - len(added) :] if longest else ""
        return any(stop in self.text for stop in self.stops)
