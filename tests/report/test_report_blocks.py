import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmloop.core.errors import LmloopError
from lmloop.report.blocks import KINDS, Block, Curve, Figure, Line, Numbers, kind_of, read, write

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def anything(hint: Any) -> st.SearchStrategy[Any]:
    """Values of an annotated type, dataclasses included."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return st.builds(hint, **{name: anything(part) for name, part in get_type_hints(hint).items()})
    plain = {str: WORDS, int: st.integers(), float: FINITE, bool: st.booleans(), type(None): st.none()}
    if hint in plain:
        return plain[hint]
    arguments = hint.__args__
    if getattr(hint, "__origin__", None) is tuple:
        return st.lists(anything(arguments[0]), max_size=3).map(tuple)
    if getattr(hint, "__origin__", None) is dict:
        return st.dictionaries(WORDS, anything(arguments[1]), max_size=3)
    return st.one_of([anything(argument) for argument in arguments])


@given(blocks=st.lists(st.one_of([anything(kind) for kind in KINDS.values()]), max_size=3).map(tuple))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(tmp_path: Path, blocks: tuple[Any, ...]) -> None:
    write(tmp_path / "blocks.json", blocks)
    assert read(tmp_path / "blocks.json") == blocks


def test_same_blocks_same_bytes(tmp_path: Path, every: dict[str, Block]) -> None:
    write(tmp_path / "a.json", tuple(every.values()))
    write(tmp_path / "b.json", read(tmp_path / "a.json"))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_every_kind_is_tried(every: dict[str, Block], empty: tuple[Block, ...]) -> None:
    assert list(every) == list(KINDS)
    assert {kind_of(block) for block in empty} == set(KINDS)


def test_what_no_file_can_hold(tmp_path: Path) -> None:
    line = Line("x", (1, 2, 3), (float("nan"), float("inf"), 1.0))
    write(tmp_path / "b.json", [Curve("lone \ud800", (line,)), Numbers("中文", (Figure("a", float("nan")),))])
    curve, numbers = read(tmp_path / "b.json")
    assert curve == Curve("lone \ufffd", (Line("x", (1, 2, 3), (None, None, 1.0)),))
    assert numbers == Numbers("中文", (Figure("a", None),))
    assert "中文" in (tmp_path / "b.json").read_text(encoding="utf-8")


def text_block(**changes: Any) -> dict[str, Any]:
    return {"block": "text", "title": "t", "passages": [{"text": "x"}], **changes}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{", "not a blocks file"),
        ({}, "expected a list"),
        ([3], "block 1: expected an object"),
        ([text_block(block="pie")], "block 1: unknown block type 'pie' (known: bars, clusters"),
        ([text_block(), text_block(colour="red")], "block 2 (text): unknown field 'colour'"),
        ([{"block": "text", "title": "t"}], "field 'passages' is missing"),
        ([text_block(title=3)], "block 1 (text).title: expected str, found int"),
        ([text_block(passages=[{"text": None}])], "passages[0].text: expected str"),
        ([text_block(passages={})], "passages: expected"),
        ([text_block(passages=[{"text": "x", "code": 1}])], "passages[0].code: expected bool, found int"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, written: Any, told: str) -> None:
    path = tmp_path / "blocks.json"
    path.write_text(written if isinstance(written, str) else json.dumps(written))
    with pytest.raises(LmloopError) as raised:
        read(path)
    assert told in str(raised.value)
    assert str(path) in str(raised.value)
    assert raised.value.hint


def test_import_is_light() -> None:
    code = "import sys, lmloop.report.blocks; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"jinja2", "rich", "numpy", "pyarrow", "pydantic"} & set(done.stdout.split())


def test_blocks_cannot_change() -> None:
    change: Callable[..., None] = setattr
    with pytest.raises(dataclasses.FrozenInstanceError):
        change(Numbers("a", ()), "title", "other")
