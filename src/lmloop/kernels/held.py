"""Which records are held out: decided by a digest of their id, so that it is so in every corpus that they are in."""

import hashlib


def is_held(name: str, share: float) -> bool:
    """Say whether the record of this id is held out, where so large a share is."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8, person=b"held-out").digest()
    return int.from_bytes(digest, "big") < share * (1 << 64)
