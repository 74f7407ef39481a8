"""The page: one HTML file that holds everything it needs and asks no network for anything.

The same sections give the same bytes: there is no clock and no chance in it. All texts are escaped, and
the page's content policy lets no script run but its own.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from lmloop.report.blocks import Block
from lmloop.report.prose import clean
from lmloop.report.units import duration
from lmloop.report.views import view

if TYPE_CHECKING:
    import jinja2

ASSETS = resources.files("lmloop.report") / "assets"
HALF_WIDE = ("histogram", "bars", "curve")
STYLES = ("page.css", "blocks.css", "drops.css")
SCRIPTS = ("page.js", "drops.js")


@dataclass(frozen=True, slots=True)
class Section:
    """One step of the run: its id, its kind, where it lies, and what it has to show."""

    name: str
    use: str
    folder: str = ""
    key: str = ""
    seconds: float | None = None
    blocks: tuple[Block, ...] = ()


def render(title: str, sections: Sequence[Section], facts: Mapping[str, str]) -> str:
    """The whole page. `facts` are the few things worth knowing of the run, shown under the title."""
    anchors: dict[str, str] = {}
    for place, section in enumerate(sections, start=1):
        anchors.setdefault(section.name, f"step-{place}")
    told = [_section(place, section, anchors) for place, section in enumerate(sections, start=1)]
    return framed("page.html", STYLES, SCRIPTS, {"title": title, "facts": facts, "sections": told})


def framed(template: str, styles: Sequence[str], scripts: Sequence[str], values: Mapping[str, Any]) -> str:
    """Draw a page that extends ``frame.html``: with its styles and its script in it, by the names of the assets."""
    script = "\n".join(map(asset, scripts))
    # The policy names the script by its digest, so that nothing a text smuggles in could ever run.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    style = "\n".join(map(asset, styles))
    return _environment().get_template(template).render(style=style, script=script, script_digest=digest, **values)


def _section(place: int, section: Section, anchors: Mapping[str, str]) -> dict[str, Any]:
    views = [view(block, anchors) for block in section.blocks]
    return {
        "anchor": f"step-{place}",
        "name": section.name,
        "use": section.use,
        "folder": section.folder,
        "key": section.key,
        "seconds": duration(section.seconds) if section.seconds is not None else "",
        "blocks": list(zip(views, _halves([seen["kind"] for seen in views]), strict=True)),
    }


def _halves(kinds: Sequence[str]) -> list[bool]:
    """Which blocks take half the width: charts, two by two; one that has no partner takes it all."""
    halves = [False] * len(kinds)
    for place, kind in enumerate(kinds):
        if kind in HALF_WIDE and place and kinds[place - 1] in HALF_WIDE and not halves[place - 1]:
            halves[place - 1] = halves[place] = True
    return halves


def _environment() -> "jinja2.Environment":
    import jinja2

    return jinja2.Environment(
        autoescape=True,
        finalize=_finalize,
        loader=jinja2.FunctionLoader(asset),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _finalize(value: Any) -> Any:
    """Every text that a template prints is cleaned; markup, which says so itself, is clean already."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else clean(value)


def asset(name: str) -> str:
    """Read a file of the pages' own."""
    return ASSETS.joinpath(name).read_text(encoding="utf-8")
