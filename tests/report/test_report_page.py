import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from lmloop.report.blocks import KINDS, Block, Curve, Line, Lineage, Node
from lmloop.report.page import Section, render

VOID = {"meta", "input", "br", "link"}


class Reader(HTMLParser):
    """Reads a page as a browser would: which elements, with which attributes, closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.found)


@pytest.fixture(scope="module")
def page(hostile: str, sections: tuple[Section, ...]) -> str:
    return render(hostile, sections, {hostile: hostile, "Seed": "7"})


def alone(*blocks: Block) -> str:
    return render("t", [Section("s", "u", blocks=blocks)], {})


def test_every_element_is_closed(page: str) -> None:
    assert Reader(page).open == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_renders(every: dict[str, Block], kind: str) -> None:
    whole = Reader(alone(every[kind]))
    assert every[kind].title in whole.text
    articles = [str(attributes["class"]) for name, attributes in whole.found if name == "article"]
    assert articles == [f"block {kind}"]


def test_empty_blocks_render(empty: tuple[Block, ...]) -> None:
    for block in empty:
        assert Reader(alone(block)).open == []


def test_hostile_texts_are_only_text(page: str) -> None:
    whole = Reader(page)
    assert whole.count("script") == 1
    assert "<script>alert" not in page
    assert not any(name.startswith("on") for _, attributes in whole.found for name in attributes)
    assert "{{ 7*7 }}" in whole.text
    assert "[bold]&amp;" in whole.text
    assert "␀␛[31m \ufffd" in whole.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", page)
    page.encode()


def test_page_asks_for_nothing(page: str) -> None:
    for _, attributes in Reader(page).found:
        assert "src" not in attributes
        for name in ("href", "xlink:href", "action"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.search(r"https?:|url\(|@import|//[a-z]", page)


def test_only_the_pages_own_script_may_run(page: str) -> None:
    script = page.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in page


def test_same_sections_same_bytes(page: str, hostile: str, sections: tuple[Section, ...]) -> None:
    assert render(hostile, sections, {hostile: hostile, "Seed": "7"}) == page


def test_size_is_reasonable(page: str) -> None:
    assert len(render("t", [], {})) < 50_000
    assert len(page) < 250_000
    points = tuple(range(200_000))
    whole = alone(Curve("c", (Line("l", points, points),)))
    assert len(whole) < 100_000


def test_ids_are_unique_and_links_lead_somewhere(page: str) -> None:
    whole = Reader(page)
    ids = [attributes["id"] for _, attributes in whole.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {str(attributes["href"])[1:] for name, attributes in whole.found if name == "a"}
    assert links <= set(ids)
    assert "step-1" in links


def test_spikes_survive_thinning() -> None:
    heights = [1.0] * 100_000
    heights[54_321] = 99.0
    block = Curve("c", (Line("l", tuple(range(100_000)), tuple(heights)),))
    whole = alone(block)
    path = re.search(r'class="line s0" d="([^"]+)"', whole)
    assert path
    tops = [float(point.split()[1]) for point in re.split("[ML]", path[1]) if point]
    assert min(tops) < 20
    assert len(tops) < 2000


def test_a_gap_lifts_the_pen(every: dict[str, Block]) -> None:
    whole = alone(every["curve"])
    path = re.search(r'class="line s1" d="([^"]+)"', whole)
    assert path
    assert path[1].count("M") == 2


def test_thresholds_out_of_sight_are_left_out(page: str) -> None:
    assert "least" in page
    assert "out of sight" not in page


def test_lineage_flows_to_the_right_and_never_overlaps(every: dict[str, Block]) -> None:
    whole = alone(every["lineage"])
    found = re.findall(r'class="node \w+" transform="translate\(([\d.]+) ([\d.]+)\)"', whole)
    places = [(float(x), float(y)) for x, y in found]
    assert len(places) == len(set(places)) == 4
    assert [x for x, _ in places] == sorted(x for x, _ in places)


def test_a_circle_of_parents_still_draws() -> None:
    ring = Lineage("ring", (Node("a", "x", parents=("b",)), Node("b", "x", parents=("a", "b"))))
    assert "ring" in alone(ring)
