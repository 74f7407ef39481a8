"""Why a tokenizer cannot be encoded with by one of the faster ways."""


class Unsupported(Exception):
    """A back-end does not know this sort of tokenizer; never shown as an error: the reference does the work."""
