"""Personal data in texts that are shown: masked, where a chain of ops looks for it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from lmloop.core.batch import from_texts
from lmloop.core.card import Card
from lmloop.core.op import Op
from lmloop.core.part import build

PII = "pii"

Masker: TypeAlias = Callable[[Sequence[str]], list[str]]


def masker(ops: Iterable[Mapping[str, Any]]) -> Masker:
    """Give what masks personal data in texts if one of these ops looks for it; else it gives texts as they are.

    All texts that a page shows go through it, also those that were dropped before the op saw them. ``ops`` are as
    :meth:`Part.spec` or a run card gives them.
    """
    known = [settings for settings in ops if settings["use"] == PII]
    if not known:
        return list
    settings = {name: value for name, value in known[0].items() if name != "version"}
    mask = cast(Op, build("ops", {**settings, "action": "mask"}))
    return lambda texts: mask(from_texts(texts)).texts if len(texts) else []


def runs_masker(cards: Iterable[Card], unmask: bool = False) -> Masker:
    """Give what masks personal data in the texts of some runs if one of them looks for it, or nothing if asked to."""
    return list if unmask else masker(op for card in cards for op in card.settings.get("ops") or ())
