"""Kinds of personal data and secrets: how each is written, and what proves it one.

A pattern alone takes versions, dates, part numbers and hashes for telephone numbers and cards, so whatever has a
check digit, a range or a list of valid beginnings is held to it.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Literal

from lmloop.core.extras import need
from lmloop.kernels.candidates import ACCOUNT, ADDRESS, COLONS, KEY, LOGIN, NUMBER, PASSPORT

Kind = Literal[
    "email", "ip", "login", "api-key", "iban", "cn-id", "card", "cn-bank-card", "cn-mobile", "phone", "passport"
]

_NOT_INSIDE = rb"(?![\d.]\d)(?!\d)"
_GROUPED = (
    rb"(?:\d{12,19}|(?:\d{4}([ -]))(?:\d{4}\1){2}\d{1,4}(?:\1\d{1,3})?|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{6}[ -]\d{10,13})"
)

PATTERNS: dict[tuple[Kind, int], bytes] = {
    ("email", ADDRESS): rb"[\w.%+-]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}",
    ("ip", NUMBER): rb"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)",
    ("ip", COLONS): rb"[0-9A-Fa-f:]{4,39}",
    ("login", LOGIN): rb"[^\s:@/]+:[^\s@/]+",
    ("api-key", KEY): (
        rb"(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])|AIza[\w-]{35}|LTAI[0-9A-Za-z]{12,26}|AKID[0-9A-Za-z]{32}"
        rb"|gh[opsur]_[0-9A-Za-z]{36,251}|github_pat_\w{82}|glpat-[\w-]{20,64}|hf_[A-Za-z]{34}|npm_[0-9A-Za-z]{36}"
        rb"|[rs]k_(?:live|test)_[0-9A-Za-z]{16,128}|xox[abeoprs]-[0-9A-Za-z-]{10,250}|pypi-AgE[\w-]{50,250}"
        rb"|sk-(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{32,250}|SG\.[\w-]{16,32}\.[\w-]{16,64}"
        rb"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]+"
    ),
    ("iban", ACCOUNT): rb"[A-Z]{2}\d{2}(?: ?[A-Z\d]){11,30}",
    ("cn-id", NUMBER): rb"(?<!\d)(?:\d{17}[\dXx]|\d{15})(?!\d)",
    ("card", NUMBER): rb"(?<![\d.-])" + _GROUPED + rb"(?![\d.:-]\d)(?!\d)",
    ("cn-bank-card", NUMBER): rb"(?<![\d.-])" + _GROUPED + rb"(?![\d.:-]\d)(?!\d)",
    ("cn-mobile", NUMBER): (
        rb"(?<![\d.])(?:(?:\+|00)?86[ -]?)?1(?:[38]\d|4[014-9]|5[0-35-9]|6[2567]|7[0-8]|9[0-35-9])[ -]?\d{4}[ -]?\d{4}"
        + _NOT_INSIDE
    ),
    ("phone", NUMBER): (
        rb"(?<![\d.])(?:\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}"
        rb"|(?:1[ .-])?(?:\([2-9]\d\d\) ?[2-9]\d\d[ .-]|[2-9]\d\d([ .-])[2-9]\d\d\1)\d{4}"
        rb"|(?:\(0\d{2,3}\) ?|0\d{2,3}[- ])[2-8]\d{2,3}[- ]?\d{4}(?:-\d{1,5})?|400-(?:\d{3}-\d{4}|\d{4}-\d{3}))"
        + _NOT_INSIDE
    ),
    ("passport", PASSPORT): (
        rb"(?<![0-9A-Za-z])(?:[DEGHKPSM]\d{8}|E[A-HJ-NP-Z]\d{7}|[A-Z]{2}\d{7}|[A-Z]\d{7,8}|(?<=[:.#] )\d{9})"
        rb"(?![0-9A-Za-z])"
    ),
}
COMPILED = {place: re.compile(pattern) for place, pattern in PATTERNS.items()}

PROVINCES = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[689]\d)\d{11}"
)


def find(text: bytes, sort: int, kinds: "list[Kind]") -> Iterator[tuple[Kind, int, int]]:
    """Find the kinds asked for, in their order, in a candidate of a sort: the kind, first byte and end of each."""
    for kind in kinds:
        pattern = COMPILED.get((kind, sort))
        for match in pattern.finditer(text) if pattern else ():
            if holds(kind, match.group().decode("ascii", "replace")):
                yield kind, *match.span()


def holds(kind: Kind, text: str) -> bool:
    """Say whether what looks like a kind is one: ranges, dates, check digits."""
    check = CHECKS.get(kind)
    return check is None or check(text)


def is_public(address: str) -> bool:
    """Say whether an IPv4 or IPv6 address is one that anyone can be reached by."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # a part too large, or with a leading zero
        return False
    routed = found.version == 4 or int(found) >> 125 == 1  # 2000::/3 is all of IPv6 that is given out
    return found.is_global and not found.is_multicast and routed


def is_resident(number: str) -> bool:
    """Say whether a number is one of a resident of mainland China (GB 11643): 18 digits, or the older 15."""
    if not PROVINCES.match(number):
        return False
    if len(number) == 15:
        return _is_date(f"19{number[6:12]}") and bool(
            need("stdnum.numdb", "curate").get("cn/loc").info(number[:6])[0][1]
        )
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(weight * int(digit) for weight, digit in zip(weights, number[:17], strict=True))
    return _is_date(number[6:14]) and "10X98765432"[total % 11] == number[17].upper()


def _is_date(digits: str) -> bool:
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return 1900 <= born.year < 2100


def _is_card(text: str) -> bool:
    digits = _bare(text)
    return bool(CARDS.fullmatch(digits)) and _luhn(digits)


def _is_chinese_card(text: str) -> bool:
    digits = _bare(text)
    return digits.startswith("62") and 16 <= len(digits) <= 19 and _luhn(digits)


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (2 if k % 2 else 1) for k, digit in enumerate(reversed(digits))]
    return len(set(digits)) > 2 and sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _bare(text: str) -> str:
    return text.replace(" ", "").replace("-", "")


CHECKS: dict[Kind, Callable[[str], Any]] = {
    "ip": is_public,
    "iban": lambda text: need("stdnum.iban", "curate").is_valid(_bare(text)),
    "cn-id": is_resident,
    "card": _is_card,
    "cn-bank-card": _is_chinese_card,
    "phone": lambda text: 8 <= sum(map(str.isdigit, text)) <= 15,
}
