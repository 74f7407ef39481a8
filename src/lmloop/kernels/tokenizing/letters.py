"""Bytes as letters: how tokenizers over bytes write their tokens down.

Each byte has a letter that can be seen (Radford et al. 2019, ``bytes_to_unicode`` of GPT-2's encoder.py): printable
bytes stand for themselves, the others for the letters from U+0100 on.
"""

from functools import cache

from lmloop.kernels.tokenizing.errors import Unsupported


@cache
def letters() -> str:
    """Give the letter of each byte, in the order of the bytes."""
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = (chr(0x100 + n) for n in range(256))
    return "".join(chr(byte) if byte in shown else next(hidden) for byte in range(256))


@cache
def _bytes() -> dict[str, int]:
    return {letter: byte for byte, letter in enumerate(letters())}


def to_letters(content: bytes) -> str:
    """Write bytes as letters."""
    table = letters()
    return "".join(table[byte] for byte in content)


def to_bytes(token: str) -> bytes:
    """Read the bytes that some letters stand for.

    Raises:
        Unsupported: one of them stands for no byte.
    """
    table = _bytes()
    try:
        return bytes(table[letter] for letter in token)
    except KeyError as bad:
        raise Unsupported(f"the token {token!r} is not written in bytes: {bad.args[0]!r}") from None
