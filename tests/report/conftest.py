"""One block of every kind, small, with the awkward cases: both languages, gaps, log axes, hostile texts."""

import pytest

from lmloop.report.blocks import (
    Bars,
    Block,
    Cluster,
    Clusters,
    Curve,
    Drops,
    Example,
    Examples,
    Figure,
    Funnel,
    Heat,
    Histogram,
    Line,
    Lineage,
    Lost,
    Matrix,
    Member,
    Node,
    Numbers,
    Passage,
    Reason,
    Series,
    Slice,
    Span,
    Split,
    Stage,
    Table,
    Text,
    Threshold,
    kind_of,
)
from lmloop.report.packed import pack
from lmloop.report.page import Section

HOSTILE = "</script><script>alert(1)</script>\"' onload=x {{ 7*7 }} \x00\x1b[31m \ud800 [bold]&amp;"

NUMBERS = Numbers("Numbers", (Figure("rows", 1_234_567), Figure("text", 4.2e9, "B", "一半中文"), Figure("?", None)))
FUNNEL = Funnel(
    "Funnel",
    (
        Stage("length", 1000, 900, 10_000, 9_000, {"too short": 60, "too long": 40}),
        Stage("语言", 900, 300, 9_000, 4_000, {"fr": 300, "de": 60, "ja": 60, "ru": 60, "es": 60, "ko": 60}),
        Stage("nothing", 300, 300),
    ),
    "a note",
)
HISTOGRAM = Histogram(
    "Histogram",
    (0, 10, 100, 1000),
    (Series("before", (5, 7, 1)), Series("after", (0, 7, None))),
    x_log=True,
    unit="B",
    thresholds=(Threshold(10, "least"), Threshold(100, "most"), Threshold(1e9, "out of sight")),
    splits=(
        Split("source", (Slice("网页/", ((5, 7, 1), (0, 7, 0)), 0.4), Slice(HOSTILE, ((0, 0, 0), (0, 0, 0))))),
        Split("language", ()),
    ),
)
BARS = Bars("Bars", tuple("abcdefghijklmnop"), (Series("", (*range(15), None)),), "rows")
CURVE = Curve(
    "Curve",
    (
        Line("train", tuple(range(2000)), tuple(float(9 - place % 7) for place in range(2000))),
        Line("gap", (1, 2, 3), (1.0, None, 2.0), (0.5, None, 1.5), (1.5, None, 2.5)),
        Line("empty", (), ()),
    ),
    "step",
    "loss",
    y_log=True,
)
TABLE = Table("Table", ("word", "count", "share", "ok"), (("中国", 12345, 0.25, True), ("x", None, 1e-9, False)))
MATRIX = Matrix(
    "Matrix",
    ("length", "语言"),
    (Lost("网页/", 100, 60, (40, 0), ("short 39\nlong 1", "")), Lost(HOSTILE, 0, 0, (0, 0))),
)
HEAT = Heat("Heat", ("任务", HOSTILE), ("1", "2"), ((0.25, None), (1, -0.5)), "task", "expert")
PACKED = {
    "id": ["r1", "r2"],
    "source": [[HOSTILE.encode("utf-8", "replace").decode(), "b"], [0, 1]],
    "language": [[""], [0, 0]],
    "detail": [["copy of a"], [0, 0]],
    "value": [0.25, None],
    "text": {"0": "一行又一行</data>"},
    "spans": {"0": [[0, 2]]},
}
DROPS = Drops(
    "Drops",
    (
        Reason("length", HOSTILE, 20, 2, pack(PACKED), "characters", 12.0, True),
        Reason("exact", "duplicate", 2, 2, pack(PACKED)),
    ),
)
EXAMPLES = Examples(
    "Examples",
    (
        Example("hostile", HOSTILE, "op", "id-1", "web", {"ratio": 0.25}, (Span(0, 9, HOSTILE), Span(5, 12))),
        Example("long", "长文本。" * 5000, spans=(Span(19_990, 30_000),), kept=True),
        Example("hostile", "again"),
    ),
)
CLUSTERS = Clusters(
    "Clusters",
    (
        Cluster("k", 9, (Member("k", "the cat sat 猫坐着"), Member("d", "the dog sat 狗坐着", "web", 0.8))),
        Cluster("unseen", 2, (Member("d", HOSTILE),)),
    ),
)
LINEAGE = Lineage(
    "Lineage",
    (
        Node("in.jsonl", "file", rows=10),
        Node("clean", "curate", "runs/clean-1", "1", ("in.jsonl", "not there"), 1.5, 9),
        Node("base", "pretrain", "runs/base-2", "2", ("clean",), made=False),
        Node("scores", "evaluate", parents=("base", "in.jsonl")),
    ),
)
TEXT = Text("Text", (Passage("从前有座山\n" * 40, "sample"), Passage("<b>x</b>", code=True)))

EVERY: tuple[Block, ...] = (
    NUMBERS,
    FUNNEL,
    HISTOGRAM,
    BARS,
    CURVE,
    TABLE,
    MATRIX,
    HEAT,
    DROPS,
    EXAMPLES,
    CLUSTERS,
    LINEAGE,
    TEXT,
)
EMPTY: tuple[Block, ...] = (
    Numbers("", ()),
    Funnel("", ()),
    Histogram("", (), ()),
    Histogram("", (1,), (Series("", ()),)),
    Bars("", (), ()),
    Curve("", ()),
    Table("", (), ()),
    Matrix("", (), ()),
    Heat("", (), (), ()),
    Drops("", ()),
    Examples("", ()),
    Clusters("", ()),
    Lineage("", ()),
    Text("", ()),
)


@pytest.fixture(scope="session")
def every() -> dict[str, Block]:
    """A block of every kind, by its kind."""
    return {kind_of(block): block for block in EVERY}


@pytest.fixture(scope="session")
def empty() -> tuple[Block, ...]:
    """Blocks that have nothing in them."""
    return EMPTY


@pytest.fixture(scope="session")
def hostile() -> str:
    """A text that tries to be more than a text."""
    return HOSTILE


@pytest.fixture(scope="session")
def sections() -> tuple[Section, ...]:
    """A whole run."""
    return (
        Section("clean", "curate", "runs/clean-1", "1", 12.5, EVERY),
        Section(HOSTILE, HOSTILE, HOSTILE, HOSTILE, None, EMPTY),
        Section("nothing", "harvest"),
    )
