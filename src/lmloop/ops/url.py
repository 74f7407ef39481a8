"""Addresses that are not wanted: by domain, by address, by the words in them."""

import re
from functools import cache
from typing import ClassVar, Self
from urllib.parse import urlsplit

import numpy as np

from lmloop.core.batch import Batch, meta_values
from lmloop.core.op import Filter, Verdict
from lmloop.core.outside import OutsideFile

WORDS = re.compile(r"[^\W_]+")


class Url(Filter):
    """Drop documents by the address they came from: the value of ``key`` in a record's meta.

    ``domains`` and ``urls`` are files with a domain (its subdomains are meant, too) or an address a line. ``words``
    and ``soft_words`` are files with words: one of the first, or more than ``max_soft_words`` different ones of the
    second, drop a document; ``subwords`` also count inside a word. Where addresses separate words does not matter.
    Records without an address stay.

    Source: Penedo et al. 2023, "The RefinedWeb Dataset for Falcon LLM", appendix G.1. The lists are yours: the UT1
    blocklists of Université Toulouse Capitole are what most corpora use.
    """

    reasons: ClassVar[tuple[str, ...]] = ("domain", "url", "word", "soft-words", "subword")

    key: str = "url"
    domains: list[OutsideFile] = []
    urls: list[OutsideFile] = []
    words: list[OutsideFile] = []
    soft_words: list[OutsideFile] = []
    max_soft_words: int = 1
    subwords: list[OutsideFile] = []

    @classmethod
    def example(cls) -> Self:
        """Give one without lists: it keeps everything."""
        return cls(key="source")

    def judge(self, batch: Batch) -> Verdict:
        """Look up each address."""
        addresses = [value if isinstance(value, str) else "" for value in meta_values(batch, self.key)]
        return Verdict(np.array([self._code(address.lower()) for address in addresses], np.uint8))

    def _code(self, address: str) -> int:
        if not address:
            return 0
        host, bare = split_address(address)
        if any(domain in _entries(tuple(self.domains)) for domain in _domains(host)):
            return 1
        if bare in _addresses(tuple(self.urls)):
            return 2
        words = WORDS.findall(address)
        if any(word in _entries(tuple(self.words)) for word in words):
            return 3
        if sum(word in _entries(tuple(self.soft_words)) for word in set(words)) > self.max_soft_words:
            return 4
        joined = "".join(words)
        return 5 if any(part in joined for part in _entries(tuple(self.subwords))) else 0


def split_address(address: str) -> tuple[str, str]:
    """Give an address's host, and the address without scheme, "www." and what follows a "#"."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:  # a broken address has no host
        return "", address
    query = f"?{parts.query}" if parts.query else ""
    return host, f"{host}{parts.path.rstrip('/')}{query}"


def _domains(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[i:]) for i in range(len(labels))]


@cache
def _entries(files: tuple[OutsideFile, ...]) -> frozenset[str]:
    return frozenset(line.lower() for file in files for line in file.lines())


@cache
def _addresses(files: tuple[OutsideFile, ...]) -> frozenset[str]:
    return frozenset(split_address(line)[1] for line in _entries(files))
