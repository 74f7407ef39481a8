"""Keep one of any documents from the same address."""

import re
import string
from typing import ClassVar
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit

import numpy as np
import pyarrow as pa

from lmloop.core.batch import Batch, meta_values
from lmloop.core.op import Numbers
from lmloop.kernels.copies import Copies, content_keys, ranks
from lmloop.kernels.hashing import hash128
from lmloop.kernels.text import text_buffer

TRACKING = ("utm_", "fbclid", "gclid", "msclkid", "spm", "mc_cid", "mc_eid", "_ga")
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:)?//")
ESCAPES = re.compile("(?:%[0-9A-Fa-f]{2})+")
PLAIN = frozenset(string.ascii_letters + string.digits + "-._~")
"""What never needs an escape (RFC 3986, section 2.3)."""


class ExactUrl(Copies):
    """Keep one of any documents whose address, the value of ``key`` in a record's meta, is the same.

    Scheme, case of the host, "www.", a slash at the end, what follows "#", the order of what is asked for after "?",
    marks of advertising (utm_..., fbclid, spm) and escapes of letters make no difference. Records without an address
    stay.
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
    address = address.partition("#")[0].strip()
    try:
        parts = urlsplit(address if SCHEME.match(address) else f"//{address}")
        host = _ascii(parts.hostname or "").removeprefix("www.")
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return address
    asked = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not pair[0].startswith(TRACKING)]
    query = f"?{urlencode(sorted(asked))}" if asked else ""
    return f"{host}{port}{ESCAPES.sub(_unescape, parts.path).rstrip('/')}{query}"


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def _unescape(escapes: "re.Match[str]") -> str:
    """Write escapes of letters as letters, and others in capitals (RFC 3986, section 6.2.2)."""
    try:
        text = unquote_to_bytes(escapes[0]).decode()
    except UnicodeDecodeError:
        return escapes[0].upper()
    return "".join(letter if letter in PLAIN or letter > "\x7f" else quote(letter, safe="") for letter in text)
