"""Numbers and their units as people write them in tables: 1.3e9, 1,300,000,000, 1.3B, 13亿, 1,3 · 10^9."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from lmloop.kernels.scaling.points import Floats

Row: TypeAlias = Mapping[str, Any]

UNITS: Mapping[str, float] = {
    **dict.fromkeys(("k", "thousand", "thousands", "千"), 1e3),
    **dict.fromkeys(("万",), 1e4),
    **dict.fromkeys(("m", "mn", "mio", "million", "millions", "百万"), 1e6),
    **dict.fromkeys(("亿",), 1e8),
    **dict.fromkeys(("b", "bn", "g", "billion", "billions", "十亿"), 1e9),
    **dict.fromkeys(("t", "tn", "trillion", "trillions", "万亿"), 1e12),
    **dict.fromkeys(("pf_days", "pfdays", "petaflop_s_days", "petaflop_days", "pflop_s_days"), 8.64e19),
    **dict.fromkeys(("exa", "exaflop", "exaflops", "eflop", "eflops"), 1e18),
    **dict.fromkeys(("zetta", "zettaflop", "zettaflops", "zflop", "zflops"), 1e21),
}
"""What a number is multiplied by, for the words and letters behind it or behind a column's name."""

DIGITS = r"[0-9]{1,3}(?:[, '’\u00a0\u202f][0-9]{3})+|[0-9][0-9_]*"
POWER = r"e\s*(?P<e>[-+]?[0-9]+)|\s*[x×·*]\s*10\s*(?:\^|\*\*)?\s*(?P<ten>[-+]?[0-9]+)"
NUMBER = re.compile(
    rf"(?P<whole>[-+]?(?:{DIGITS}))(?P<part>\.[0-9]*)?(?:{POWER})?\s*(?P<unit>[a-z]+|[十百千万亿]+)?", re.IGNORECASE
)
COMMA = re.compile(r"([-+]?[0-9]+),([0-9]+)(?![0-9,.])")
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def number(value: Any, unit: float = 1.0) -> float:
    """Read a number, in a unit if it says none itself; not a number (NaN) where it is none."""
    if isinstance(value, bool) or value is None:
        return float("nan")
    if isinstance(value, int | float):
        return float(value) * unit
    match = NUMBER.fullmatch(str(value).strip().translate(RAISED))
    if match is None or (match["unit"] and match["unit"].lower() not in UNITS):
        return float("nan")
    whole = re.sub("[^-+0-9]", "", match["whole"])
    exact = float(f"{whole}{match['part'] or ''}e{match['e'] or match['ten'] or 0}")
    return exact * (UNITS[match["unit"].lower()] if match["unit"] else unit)


def numbers_of(rows: Sequence[Row], column: str) -> Floats:
    """Read a column: [rows], in the unit that its name ends with; a comma is read alike in all of it."""
    values = [row.get(column) for row in rows]
    if _has_decimal_commas(values):
        values = [COMMA.sub(r"\1.\2", value.strip()) if isinstance(value, str) else value for value in values]
    return np.array([number(value, unit_of(column)[1]) for value in values])


def unit_of(column: str) -> tuple[str, float]:
    """Cut the unit off a column's name: gives the plain name, and what its numbers are multiplied by."""
    name = plain(column)
    for unit in sorted(UNITS, key=len, reverse=True):
        rest = name.removesuffix(unit)
        if rest != name and (rest.endswith("_") or (rest and not unit.isascii())):
            return rest.removesuffix("_in_").rstrip("_"), UNITS[unit]
    return name, 1.0


def plain(name: str) -> str:
    """Write a column's name without case and signs."""
    return re.sub(r"[^0-9a-z\u4e00-\u9fff]+", "_", str(name).lower()).strip("_")


def _has_decimal_commas(values: Sequence[Any]) -> bool:
    """Say whether the commas of a column are decimal: one a number, and not all before three more digits."""
    texts = [value.strip() for value in values if isinstance(value, str) and "," in value]
    found = [COMMA.match(text) for text in texts]
    if not texts or not all(found):
        return False
    return any(match is not None and (len(match[2]) != 3 or match[1].strip("+-0") == "") for match in found)
