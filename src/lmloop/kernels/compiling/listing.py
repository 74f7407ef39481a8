"""The list of signatures, ``signatures.json``: what kernels are compiled for when the package is built.

It is not kept by hand. ``LMLOOP_KERNELS_LACKS=FILE`` makes every process add what it calls and the library lacks to a
file; the tests look there for what the list lacks, and ``python -m lmloop.kernels.compiling.listing FILE`` adds it.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from lmloop.kernels.compiling.library import SIGNATURES
from lmloop.kernels.compiling.signatures import READ_ONLY

Listed = dict[str, list[str]]


def listed() -> Listed:
    """Give the signatures of each kernel."""
    found: Listed = json.loads(SIGNATURES.read_bytes())
    return found


def merged(table: Listed, calls: Iterable[str]) -> Listed:
    """Add calls, each a kernel and its signature, to a list; an array that is read-only in one may be so in all."""
    grown = {kernel: {_plain(words): words for words in signatures} for kernel, signatures in table.items()}
    for call in calls:
        kernel, _, words = call.partition(" ")
        known = grown.setdefault(kernel, {})
        pairs = zip(words.split(), known.get(_plain(words), words).split(), strict=True)
        known[_plain(words)] = " ".join(max(pair, key=len) for pair in pairs)
    return {kernel: sorted(known.values()) for kernel, known in sorted(grown.items())}


def unlisted(calls: Iterable[str]) -> list[str]:
    """Give the calls that the list does not cover."""
    table = listed()
    return [call for call in sorted(set(calls)) if merged(table, [call]) != table]


def _plain(words: str) -> str:
    return words.replace(READ_ONLY, "")


if __name__ == "__main__":
    grown = merged(listed(), Path(sys.argv[1]).read_text(encoding="utf-8").splitlines())
    SIGNATURES.write_text(json.dumps(grown, indent=1) + "\n", encoding="utf-8")
