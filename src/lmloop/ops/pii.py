"""Personal data: addresses, numbers and accounts, found, masked, or a reason to drop a document."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import Batch, with_text
from lmloop.core.extras import need
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.candidates import ACCOUNT, ADDRESS, NUMBER, candidates
from lmloop.kernels.text import text_buffer

Kind = Literal["email", "ip", "iban", "cn-id", "card", "cn-bank-card", "cn-mobile", "phone"]

SORTS: dict[Kind, int] = {"email": ADDRESS, "iban": ACCOUNT}
PATTERNS: dict[Kind, str] = {
    "email": r"[\w.%+-]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}",
    "ip": r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)",
    "iban": r"[A-Z]{2}\d{2}(?: ?[A-Z\d]){11,30}",
    "cn-id": r"(?<!\d)\d{17}[\dXx](?!\d)",
    "card": r"(?<![\d.])(?:\d[ -]?){12,18}\d(?![\d.])",
    "cn-bank-card": r"(?<![\d.])62(?:[ -]?\d){14,17}(?![\d.])",
    "cn-mobile": r"(?<![\d.])(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![\d.]\d)(?!\d)",
    "phone": r"(?<![\d.])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}"
    r"|(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}|0\d{2,3}-\d{7,8}|400-\d{3}-\d{4})(?![\d.]\d)(?!\d)",
}
COMPILED = {kind: re.compile(pattern, re.ASCII) for kind, pattern in PATTERNS.items()}


class _Found(NamedTuple):
    """A piece of personal data: its document, and its place in the column's bytes."""

    document: int
    start: int
    stop: int
    kind: Kind


class Pii(Filter):
    """Find personal data of the ``kinds`` given, and mask it, drop the document, or only count it (``action``).

    E-mail addresses; public IPv4 addresses; accounts (IBAN, ISO 13616, mod 97); identity numbers of mainland China (GB
    11643, with date and check digit); payment cards (ISO/IEC 7812, Luhn), those of mainland China (62...) by
    themselves; mobile numbers of mainland China; and phone numbers that are written as such: international, North
    American, Chinese. A mask is the kind in brackets: [EMAIL], [CN-ID]. With ``action`` "drop" a document goes that
    has more than ``max_found`` of them. How many there are of each kind is kept as statistics. Needs the extra
    ``curate``.

    Source: e-mail and IP addresses as in FineWeb (Penedo et al. 2024, section 3.6), others by the standards named.
    """

    reasons: ClassVar[tuple[str, ...]] = ("personal-data",)
    rewrites: ClassVar[bool] = True

    kinds: list[Kind] = list(get_args(Kind))
    action: Literal["mask", "drop", "count"] = "mask"
    max_found: int = 0

    def judge(self, batch: Batch) -> Verdict:
        """Find, count and mask."""
        found = list(self._find(batch))
        counts = np.zeros((len(self.kinds), batch.num_rows), np.int64)
        for item in found:
            counts[self.kinds.index(item.kind), item.document] += 1
        stats = {"found": counts.sum(axis=0), **dict(zip(self.kinds, counts, strict=True))}
        drop = (stats["found"] > self.max_found) & (self.action == "drop")
        changed = _masked(batch, found) if self.action == "mask" and found else batch
        return Verdict(drop.astype(np.uint8), stats, changed)

    def _find(self, batch: Batch) -> Iterator[_Found]:
        buffer = text_buffer(batch.column("text"))
        places = candidates(buffer)
        data: Any = buffer.data.data
        for document, start, stop, sort in zip(*(column.tolist() for column in places), strict=True):
            text = bytes(data[start:stop]).decode("ascii")
            taken: list[tuple[int, int]] = []
            for kind in self.kinds:
                if SORTS.get(kind, NUMBER) == sort:
                    for first, last in _matches(kind, text, taken):
                        yield _Found(document, start + first, start + last, kind)


def _matches(kind: Kind, text: str, taken: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Give the places of one kind in a candidate that no kind before it has taken."""
    for match in COMPILED[kind].finditer(text):
        first, last = match.span()
        if all(last <= start or first >= stop for start, stop in taken) and _holds(kind, match.group()):
            taken.append((first, last))
            yield first, last


def _holds(kind: Kind, text: str) -> bool:
    """Say whether what looks like a kind is one: ranges, dates, check digits."""
    bare = re.sub(r"[ -]", "", text)
    if kind == "ip":
        return all(int(part) < 256 for part in text.split(".")) and _is_public(text)
    if kind == "iban":
        return bool(need("stdnum.iban", "curate").is_valid(bare))
    if kind == "cn-id":
        return bool(need("stdnum.cn.ric", "curate").is_valid(bare.upper()))
    if kind == "card":
        return bare[0] in "23456" and not bare.startswith("62") and _luhn(bare)
    if kind == "cn-bank-card":
        return _luhn(bare)
    return kind != "phone" or 8 <= sum(map(str.isdigit, text)) <= 15


def _luhn(digits: str) -> bool:
    return len(set(digits)) > 1 and bool(need("stdnum.luhn", "curate").is_valid(digits))


def _is_public(address: str) -> bool:
    try:
        return ipaddress.IPv4Address(address).is_global
    except ValueError:  # a part with a leading zero
        return False


def _masked(batch: Batch, found: list[_Found]) -> Batch:
    """Put the name of its kind in the place of each."""
    buffer = text_buffer(batch.column("text"))
    data: Any = buffer.data.data
    texts: dict[int, list[bytes]] = {}
    ends: dict[int, int] = {}
    for item in sorted(found):
        parts = texts.setdefault(item.document, [])
        parts += [data[ends.get(item.document, buffer.offsets[item.document]) : item.start]]
        parts += [f"[{item.kind.upper()}]".encode()]
        ends[item.document] = item.stop
    for document, parts in texts.items():
        parts += [data[ends[document] : buffer.offsets[document + 1]]]
    mask = np.zeros(batch.num_rows, np.bool_)
    mask[list(texts)] = True
    new = pa.array([b"".join(parts).decode() for _, parts in sorted(texts.items())], pa.string())
    return with_text(batch, pc.replace_with_mask(batch.column("text"), pa.array(mask), new))
