"""Keep one of any documents from the same address."""

from typing import ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np
import pyarrow as pa

from lmloop.core.batch import Batch, meta_values
from lmloop.core.op import Numbers
from lmloop.kernels.copies import Copies, content_keys, ranks
from lmloop.kernels.hashing import hash128
from lmloop.kernels.text import text_buffer

TRACKING = ("utm_", "fbclid", "gclid", "msclkid", "spm", "mc_cid", "mc_eid", "_ga")


class ExactUrl(Copies):
    """Keep one of any documents whose address, the value of ``key`` in a record's meta, is the same.

    Scheme, case of the host, "www.", a slash at the end, what follows "#", the order of what is asked for after "?" and
    marks of advertising (utm_..., fbclid, spm) make no difference. Records without an address stay.
    """

    version: ClassVar[int] = 2
    reasons: ClassVar[tuple[str, ...]] = ("same-url",)

    key: str = "url"

    def map(self, batch: Batch, numbers: Numbers) -> pa.Table:
        """Key each row by the hash of its address."""
        values = meta_values(batch, self.key)
        addresses = [plain_address(value) if isinstance(value, str) else "" for value in values]
        some = np.array([address != "" for address in addresses], np.bool_)
        hashes = hash128(text_buffer(pa.array(addresses, pa.string())))
        return content_keys(hashes, numbers, ranks(batch, self.keep), some)


def plain_address(address: str) -> str:
    """Write an address in the one way that all its spellings share."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host = (parts.hostname or "").removeprefix("www.")
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return address.strip()
    asked = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not pair[0].startswith(TRACKING)]
    query = f"?{urlencode(sorted(asked))}" if asked else ""
    return f"{host}{port}{parts.path.rstrip('/')}{query}"
