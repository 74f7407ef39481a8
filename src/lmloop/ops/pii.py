"""Personal data and secrets: addresses, numbers, accounts and keys, found, masked, or a reason to drop a document."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lmloop.core.batch import Batch, with_text
from lmloop.core.op import Filter, Verdict
from lmloop.kernels.candidates import candidates
from lmloop.kernels.personal import Kind, find
from lmloop.kernels.text import text_buffer


class _Found(NamedTuple):
    """A piece of personal data: its document, and its place in the column's bytes."""

    document: int
    start: int
    stop: int
    kind: Kind


class Pii(Filter):
    """Find personal data of the ``kinds`` given, and mask it, drop the document, or only count it (``action``).

    * "email": e-mail addresses; "ip": public IPv4 addresses of seven digits or more (with fewer they are numbers of
      sections) and IPv6 addresses; "login": name and password in a web address; * "api-key": keys of AWS, Alibaba
      Cloud, Tencent Cloud, Anthropic, GitHub, GitLab, Google, Hugging Face, npm, OpenAI, PyPI, SendGrid, Slack and
      Stripe by their form, JSON web tokens, and private keys in PEM armour;
    * "iban": accounts (ISO 13616, mod 97); "card": payment cards (ISO/IEC 7812: beginnings, lengths and Luhn's check
      digit), in one piece or in groups; "cn-bank-card": those of mainland China (62...);
    * "cn-id": identity numbers of mainland China (GB 11643): 18 digits with date and check digit, or 15 with date and a
      place there is; "passport": numbers of passports on a line that says so (passport, 护照);
    * "cn-mobile": mobile numbers of mainland China; "phone": others that are written as such: international, North
      American, Chinese landlines.

    A mask is the kind in brackets: [EMAIL], [CN-ID]. With ``action`` "drop" a document goes that has more than
    ``max_found`` of them. How many there are of each kind is kept as statistics. Needs the extra ``curate``.

    Source: e-mail and IP addresses as in FineWeb (Penedo et al. 2024, section 3.6), others by the standards named.
    """

    version: ClassVar[int] = 2
    reasons: ClassVar[tuple[str, ...]] = ("personal-data",)
    rewrites: ClassVar[bool] = True

    kinds: list[Kind] = list(get_args(Kind))
    action: Literal["mask", "drop", "count"] = "mask"
    max_found: int = 0

    def judge(self, batch: Batch) -> Verdict:
        """Find, count and mask."""
        found = sorted(self._find(batch))
        counts = np.zeros((len(self.kinds), batch.num_rows), np.int64)
        for item in found:
            counts[self.kinds.index(item.kind), item.document] += 1
        stats = {"found": counts.sum(axis=0), **dict(zip(self.kinds, counts, strict=True))}
        drop = (stats["found"] > self.max_found) & (self.action == "drop")
        changed = _masked(batch, found) if self.action == "mask" and found else batch
        return Verdict(drop.astype(np.uint8), stats, changed)

    def _find(self, batch: Batch) -> Iterator[_Found]:
        """Give what is found; nothing is given that touches what was given before it."""
        buffer = text_buffer(batch.column("text"))
        places = candidates(buffer)
        data: Any = buffer.data.data
        taken: list[_Found] = []
        for document, start, stop, sort in zip(*(column.tolist() for column in places), strict=True):
            taken = [item for item in taken if item.document == document and item.stop > start]
            for kind, first, last in find(bytes(data[start:stop]), sort, self.kinds):
                item = _Found(document, start + first, start + last, kind)
                if all(item.stop <= other.start or item.start >= other.stop for other in taken):
                    taken.append(item)
                    yield item


def _masked(batch: Batch, found: list[_Found]) -> Batch:
    """Put the name of its kind in the place of each."""
    buffer = text_buffer(batch.column("text"))
    data: Any = buffer.data.data
    texts: dict[int, list[bytes]] = {}
    ends: dict[int, int] = {}
    for item in found:
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
