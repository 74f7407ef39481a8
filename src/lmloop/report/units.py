"""Numbers as people read them: thousands separators, k and M, KB and MB, minutes and hours."""

import math

DECIMAL_STEPS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
BYTE_STEPS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "KB"))
MISSING = "–"
MINUS = "\u2212"


def number(value: float | None) -> str:
    """A number in full: 1,234,567 or 0.0312."""
    if value is None or not math.isfinite(value):
        return MISSING
    if isinstance(value, int) or abs(value) >= 1000:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.4g}".replace("e-0", "e-").replace("e+0", "e")
    return _signed(text)


def fixed(value: float, decimals: int | None) -> str:
    """A number for a column: with the column's decimals, unless they would show it as a false zero."""
    if decimals is None or (value and abs(value) < 10.0**-decimals):
        return number(value)
    return _signed(f"{value:,.{decimals}f}")


def exact(value: float) -> str:
    """A round number with all its digits, for an axis on which fewer would not tell the marks apart: 100.25."""
    return _signed(f"{value:,.12g}")


def short(value: float | None) -> str:
    """A number in few characters, for an axis: 1.2M, 350k, 0.05."""
    if value is None or not math.isfinite(value):
        return MISSING
    # Letters end where few know the next one, and zeros where nobody counts them any more.
    if abs(value) >= 9.995e12 or 0 < abs(value) < 0.00095:
        digits, power = f"{value:.2e}".split("e")
        return _signed(f"{float(digits):g}e{int(power)}")
    for step, letter in DECIMAL_STEPS:
        # 999,600 must be 1M and not 1000k, so the next letter starts where three digits end.
        if abs(value) >= step * 0.9995:
            return f"{_three(value / step)}{letter}"
    return number(float(f"{value:.3g}"))


def size(value: float | None) -> str:
    """Bytes: 512 B, 4.21 GB (powers of 1000)."""
    return " ".join(_size(value))


def duration(seconds: float | None) -> str:
    """Seconds: 12 ms, 3.4 s, 3 min 12 s, 2 h 5 min."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{_three(seconds)} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60} min"


def share(part: float, whole: float) -> str:
    """A part of a whole in percent, never rounded to a false 0 % or 100 %."""
    if not whole:
        return MISSING
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "<0.1%"
    if 99.9 < percent < 100:
        return ">99.9%"
    return f"{percent:.1f}%".replace(".0%", "%")


def pair(value: str | float | None, unit: str) -> tuple[str, str]:
    """A value and its unit, apart, so that they can be set in two sizes."""
    if isinstance(value, str):
        return value, unit
    if value is None or not math.isfinite(value):
        return MISSING, ""
    if unit in ("B", "bytes"):
        return _size(value)
    if unit in ("s", "seconds"):
        return duration(value), ""
    return number(value), unit


def measure(value: float | None, unit: str) -> str:
    """A value with its unit in one string: 1,204 rows, 4.21 GB, 12.5%."""
    text, rest = pair(value, unit)
    return f"{text}{'' if rest in ('', '%') else ' '}{rest}"


def tick(value: float, unit: str) -> str:
    """A value on an axis; bytes keep their unit, because KB and MB tell scale."""
    return size(value) if unit in ("B", "bytes") else short(value)


def _size(value: float | None) -> tuple[str, str]:
    if value is None or not math.isfinite(value):
        return MISSING, ""
    for step, unit in BYTE_STEPS:
        if abs(value) >= step * 0.9995:
            return _three(value / step), unit
    return f"{value:.0f}", "B"


def _three(value: float) -> str:
    """Three digits at most, without trailing zeros; whole numbers keep theirs."""
    text = f"{value:.0f}" if abs(value) >= 99.95 else f"{value:.3g}"
    return _signed(text)


def _signed(text: str) -> str:
    """The text with a true minus sign in front, if it has one; the one of an exponent stays as it is."""
    return MINUS + text[1:] if text.startswith("-") else text
