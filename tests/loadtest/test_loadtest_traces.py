"""Traces as they are published are read as they are."""

from pathlib import Path

import pytest

from lmloop.core.errors import DataError
from lmloop.loadtest.traces import Arrival, read_trace

AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:47.1805900,396,109\n"
)
BURST = "Timestamp,Model,Request tokens,Response tokens,Log Type\n5,ChatGPT,472,18,x\n45,GPT-4,1087,230,x\n"
MOONCAKE = '{"timestamp": 1000, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}\n'
OURS = '{"timestamp": 2, "prompt": "后来"}\n{"timestamp": 1.5, "prompt": "first"}\n'


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.csv", AZURE, [Arrival(0, 374, 44, ""), Arrival(0.5, 396, 109, "")]),
        ("b.csv", BURST, [Arrival(0, 472, 18, ""), Arrival(40, 1087, 230, "")]),
        (
            "m.jsonl",
            MOONCAKE + MOONCAKE.replace("1000", "3500"),
            [Arrival(0, 6758, 500, ""), Arrival(2.5, 6758, 500, "")],
        ),
        ("o.jsonl", OURS, [Arrival(0, None, None, "first"), Arrival(0.5, None, None, "后来")]),
    ],
)
def test_known_forms(tmp_path: Path, name: str, text: str, found: list[Arrival]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    read = read_trace(tmp_path / name, 1.0)
    assert [(row.asked, row.answered, row.text) for row in read] == [(r.asked, r.answered, r.text) for r in found]
    assert [row.at for row in read] == pytest.approx([row.at for row in found], abs=1e-6)
    assert [row.at for row in read_trace(tmp_path / name, 2.0)] == pytest.approx(
        [row.at / 2 for row in found], abs=1e-6
    )


@pytest.mark.parametrize("text", ["", "[1]\n", '{"input_length": 3}\n', "{", '{"timestamp": "yesterday"}\n'])
def test_what_is_no_trace(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(DataError):
        read_trace(tmp_path / "t.jsonl", 1.0)
