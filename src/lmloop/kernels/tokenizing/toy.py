"""The smallest tokenizer: one id for each byte. To try things with."""

import tempfile
from pathlib import Path

from lmloop.core.draft import draft
from lmloop.kernels.tokenizing.letters import letters
from lmloop.kernels.tokenizing.patterns import pattern
from lmloop.kernels.tokenizing.training import Plan, bpe_model, finished


def byte_tokenizer() -> Path:
    """Write it to the folder for temporary files, and say where."""
    tokens = [bytes([byte]) for byte in sorted(range(256), key=lambda byte: letters()[byte])]
    core = finished(bpe_model(tokens, []), Plan(320, pattern("gpt4")))
    place = Path(tempfile.gettempdir()) / "lmloop-bytes-tokenizer.json"
    with draft(place) as temporary:
        temporary.write_text(core.to_str(), encoding="utf-8")
    return place
