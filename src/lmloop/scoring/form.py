"""The form in which a benchmark puts its items: every byte of the prompt, as data.

Two harnesses that ask the same items and get other scores nearly always ask in another form; so a form is part of
what a score is called, and can be compared field by field.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import ascii_uppercase
from typing import Any, Literal, TypeAlias

from lmloop.core.model import TEXT, Prompt
from lmloop.core.record import Turn

By: TypeAlias = Literal["likelihood", "writing"]
Chat: TypeAlias = bool | Literal["turns"]

PLACE = re.compile(r"\{(\w+)(?:\|(\w+))?\}")
FILTERS: Mapping[str, Callable[[str], str]] = {"strip": str.strip, "lower": str.lower, "capitalize": str.capitalize}
"""What a template may do to a field: ``{question|strip}``."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a benchmark, before it is put into a form.

    ``fields`` are what a template may name in braces. A choice item has ``choices`` and the place of the right one;
    any other has the words of the right reply in ``target``. ``group`` is what averages are taken over, ``cluster``
    what several items share, ``more`` whatever else its grading needs, as JSON values.
    """

    fields: Mapping[str, str]
    choices: tuple[str, ...] = ()
    answer: int | None = None
    target: str = ""
    group: str = ""
    cluster: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Form:
    """How an item is put, with ``{names}`` of its fields: ``{question}``, ``{options}``, ``{subject}``, ...

    ``header`` comes once, then for each shot the ``item`` (or ``shot``, where it is put otherwise there), its
    ``answer`` and ``after``, and at last the item itself. ``option`` is the line of each choice, with ``{letter}`` and
    ``{choice}``; joined, they are the item's ``{options}``. ``answer`` may name ``{letter}``, ``{choice}`` and
    ``{target}``. ``shots`` is how many there are, and ``pick`` how they are taken from their pool: the first ones,
    drawn once by the seed for all items, or drawn anew for each. ``by`` says whether choices are compared by their
    likelihood or a written reply is searched for the answer; ``extract`` names how. ``metric`` is the chief one.
    """

    item: str
    answer: str = " {letter}"
    option: str = ""
    header: str = ""
    shot: str = ""
    after: str = "\n\n"
    letters: str = ascii_uppercase
    shots: int = 0
    pick: Literal["first", "fixed", "each"] = "first"
    by: By = "likelihood"
    stop: tuple[str, ...] = ()
    max_tokens: int = 32
    extract: str = ""
    metric: str = "acc"
    lead: str = ""
    asked: str = ""
    spare: int = 0
    system: bool = False


def fill(template: str, fields: Mapping[str, Any]) -> str:
    """Put fields into a template; braces that name no field stay as they are."""

    def filled(found: re.Match[str]) -> str:
        if found[1] not in fields:
            return found[0]
        change = FILTERS.get(found[2], str)
        return change(str(fields[found[1]]))

    return PLACE.sub(filled, template)


def put(form: Form, item: Item, shot: bool = False) -> str:
    """Write an item, up to where its answer begins; as a ``shot`` it may be put otherwise."""
    return fill((form.shot if shot else "") or form.item, _fields(form, item))


def answers(form: Form, item: Item) -> tuple[str, ...]:
    """Write each choice as what follows the prompt; of an item without choices its target."""
    return _written(form.asked or form.answer, form, item)


def right(form: Form, item: Item) -> str:
    """Write the right answer, as a shot shows it."""
    if "{letter}" not in form.answer and "{choice}" not in form.answer:
        return fill(form.answer, {"target": item.target, **item.fields})
    return _written(form.answer, form, item)[item.answer or 0]


def _written(template: str, form: Form, item: Item) -> tuple[str, ...]:
    if not item.choices:
        return (fill(template, {**item.fields, "target": item.target}),)
    named = zip(form.letters, item.choices, strict=False)
    return tuple(
        fill(template, {"target": item.target, **item.fields, "letter": letter, "choice": choice})
        for letter, choice in named
    )


def prompt(form: Form, item: Item, shots: Sequence[Item], chat: Chat = False) -> Prompt:
    """Write what a model reads before it answers: raw text; one user's turn; or each shot as a pair of turns."""
    header = fill(form.header, _fields(form, item))
    if chat and form.system and header:
        return (Turn("system", header), *prompt(replace(form, header=""), item, shots, chat))
    if chat == "turns":
        turns = []
        for shot in shots:
            turns += [Turn("user", put(form, shot, shot=True)), Turn("assistant", right(form, shot).strip())]
        turns.append(Turn("user", put(form, item)))
        return (Turn("user", header + turns[0].text), *turns[1:])
    shown = "".join(put(form, shot, shot=True) + right(form, shot) + fill(form.after, shot.fields) for shot in shots)
    lead = form.lead if form.by == "likelihood" else ""
    return (Turn("user" if chat else TEXT, header + shown + put(form, item) + lead),)


def _fields(form: Form, item: Item) -> dict[str, Any]:
    named = zip(form.letters, item.choices, strict=False)
    options = "".join(fill(form.option, {"letter": letter, "choice": choice}) for letter, choice in named)
    return {**item.fields, "options": options}
