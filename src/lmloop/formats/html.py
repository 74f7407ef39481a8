"""Main text of web pages, by resiliparse (Bevendorff et al. 2018), with title, address and date."""

import re
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from lmloop.core.extras import need
from lmloop.formats.encoding import decode
from lmloop.formats.opening import Broken

EXTRA = "ingest"
CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?([A-Za-z0-9_.:-]+)|<\?xml[^>]+encoding=["']([A-Za-z0-9_.:-]+)""")
NESTING = re.compile(
    r"<(/?)(?:div|span|table|ul|ol|dl|section|article|blockquote|font|center|b|i|a|em|strong|form)\b", re.IGNORECASE
)
DEEPEST = 1000
"""The time that a page takes grows with the square of its depth: of this depth, a twentieth of a second."""

THIN = 0.2
"""Where so little of a page is found to be its main part, the guess is not believed and all of it is taken."""

DATES = ("article:published_time", "date", "dc.date", "dcterms.created", "pubdate", "publishdate", "datePublished")


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says, and what it says of itself."""

    text: str
    title: str = ""
    url: str = ""
    date: str = ""
    language: str = ""
    encoding: str = ""
    replaced: int = 0

    def meta(self) -> dict[str, object]:
        """Give what belongs into a record's meta."""
        plain = self.encoding in ("utf-8", "utf-8-sig")
        return {
            "title": self.title,
            "date": self.date,
            "language": self.language,
            "encoding": "" if plain else self.encoding,
            "replaced": self.replaced,
        }


def read_page(content: bytes, declared: str = "", main: bool = True, max_replaced: float = 0.001) -> Page:
    """Read a page: with ``main`` only its main text; ``declared`` is the encoding that the server names.

    Raises:
        Broken: the encoding is not clear, or elements are nested too deep.
    """
    parse = need("resiliparse.parse.html", EXTRA)
    extract = need("resiliparse.extract.html2text", EXTRA).extract_plain_text
    found = CHARSET.search(content[:4096])
    label = declared or ((found and (found[1] or found[2])) or b"").decode("ascii")
    decoded = decode(content, "auto", max_replaced, label)
    html = decoded.text.replace("\x00", "")
    depth = max(accumulate(-1 if closing else 1 for closing in NESTING.findall(html)), default=0)
    if depth > DEEPEST:
        raise Broken("nested too deep", f"{depth} elements")
    tree = parse.HTMLTree.parse(html)
    text = extract(tree, main_content=main, alt_texts=False)
    if main:
        everything = extract(tree, main_content=False, alt_texts=False)
        if len(text) < THIN * len(everything):
            text = everything
    return Page(text.strip(), *_about(tree), decoded.encoding, decoded.replaced)


def _about(tree: Any) -> tuple[str, str, str, str]:
    """Find title, address, date and language in a page's head."""
    head, date, url = tree.head, "", ""
    if head is not None:
        link = head.query_selector("link[rel='canonical']")
        url = (link.getattr("href") or "") if link is not None else ""
        said = {
            (tag.getattr("property") or tag.getattr("name") or tag.getattr("itemprop") or "").lower(): tag
            for tag in head.query_selector_all("meta[content]")
        }
        date = next((said[name.lower()].getattr("content") or "" for name in DATES if name.lower() in said), "")
    root = tree.document.query_selector("html") if tree.document is not None else None
    language = (root.getattr("lang") or "") if root is not None else ""
    return " ".join((tree.title or "").split()), url, date, language
