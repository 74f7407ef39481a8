import pytest

from lmloop.core.batch import from_records
from lmloop.core.record import Record
from lmloop.ops.meta import Meta


@pytest.mark.parametrize(
    ("settings", "value", "reason"),
    [
        ({}, None, "kept"),
        ({"required": True}, None, "missing"),
        ({"keep": ["a", "乙"]}, "乙", "kept"),
        ({"keep": ["a"]}, "b", "unwanted"),
        ({"drop": ["b"]}, "b", "unwanted"),
        ({"endings": [".md", ".txt"]}, "notes/说明.md", "kept"),
        ({"endings": [".md"]}, "notes.pdf", "ending"),
        ({"min_value": 3}, 5, "kept"),
        ({"min_value": 3}, "2.5", "low"),
        ({"max_value": 3}, 3.5, "high"),
        ({"max_value": 3}, "many", "no-number"),
        ({"max_value": 3}, float("nan"), "no-number"),
        ({"max_value": 3}, [1], "no-number"),
    ],
)
def test_each_rule(settings, value, reason):
    record = Record("x", meta={} if value is None else {"k": value}, id="1")
    outcome = Meta(key="k", **settings).apply(from_records([record]))
    assert next(iter(outcome.reasons), "kept") == reason
