"""Much data in few letters: JSON, compressed, as text that a page can hold and a browser can unpack by itself."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

LEVEL = 6


def pack(value: Any) -> str:
    """Pack JSON data: zlib (RFC 1950) in base64; the same data gives the same letters."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("utf-8", "replace"), LEVEL)).decode()


def unpack(letters: str) -> Mapping[str, Any]:
    """Give the data back."""
    found: Mapping[str, Any] = json.loads(zlib.decompress(base64.b64decode(letters)))
    return found
