"""What a curation shows of itself: drops, groups, distributions, personal data, copies."""

import json
from pathlib import Path

import pytest

from lmloop import run
from lmloop.core.recipe import Recipe
from lmloop.report import blocks
from lmloop.report.packed import unpack
from lmloop.report.page import Section, render

WORDS = "The people of the town have been with us and that is all that we know of them to be true. "
RAW = ("someone@example.com", "138 1234 5678")


def curate(folder: Path, ops: list[object], **settings: object) -> Path:
    steps = [
        {"id": "raw", "use": "ingest", "reader": {"use": "text", "files": ["texts"]}, "shard_mb": 0.01},
        {"id": "clean", "use": "curate", "from": ["raw"], "ops": ops, **settings},
    ]
    return run(Recipe.check({"step": steps}, folder), home=folder / "runs", workers=1)["clean"].path


def found(folder: Path, kind: type) -> list:
    return [block for block in blocks.read(folder / "blocks.json") if isinstance(block, kind)]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    for place, count in (("网页", 30), ("books", 20)):
        (tmp_path / "texts" / place).mkdir(parents=True)
        for n in range(count):
            repeats = 1 + n % 4 if place == "books" else 1
            text = WORDS * repeats + f"{place} {n}" if n % 3 else "短" * (n + 1)
            (tmp_path / "texts" / place / f"{n:02d}.txt").write_text(text, encoding="utf-8")
    return tmp_path


def test_every_dropped_row_is_in_the_page_with_the_number_that_decided(texts: Path) -> None:
    [block] = found(curate(texts, [{"use": "length", "min_characters": 60}]), blocks.Drops)
    [reason] = block.reasons
    assert (reason.op, reason.reason, reason.statistic, reason.bound, reason.low) == (
        *("length", "short", "characters", 60.0),
        True,
    )
    rows = unpack(reason.rows)
    assert reason.count == reason.carried == len(rows["id"]) == len(rows["value"]) == 17
    assert max(rows["value"]) < 60
    names, places = rows["source"]
    sources = [names[place] for place in places]
    assert sorted(sources) == sorted({source for source in sources})
    for place, text in rows["text"].items():
        assert len(text) == rows["value"][int(place)]


def test_a_reason_carries_as_much_as_the_page_has_room_for(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lmloop.stages.curate import drops

    monkeypatch.setattr(drops, "MOST_ROWS", 12)
    ops = [{"use": "length", "min_characters": 60}, "exact", {"use": "length", "max_characters": 250}]
    [block] = found(curate(texts, ops), blocks.Drops)
    carried = {reason.reason: (reason.carried, reason.count) for reason in block.reasons}
    assert carried["short"] == (12 - carried["long"][0], 17)
    assert carried["long"][0] == min(6, carried["long"][1])
    assert "in this page" in block.note


def test_sources_and_their_losses_add_up(texts: Path) -> None:
    clean = curate(texts, [{"use": "length", "min_characters": 60}, "gopher-repetition"])
    [matrix] = found(clean, blocks.Matrix)
    assert matrix.title == "What each source lost"
    assert {group.name: group.rows for group in matrix.groups} == {"texts/网页/": 30, "texts/books/": 20}
    for group in matrix.groups:
        assert group.kept + sum(group.losses) == group.rows
    assert matrix.groups[0].losses[0] == 10
    assert matrix.groups[0].why[0] == "short 10"


def test_histograms_are_split_by_source_and_add_up(texts: Path) -> None:
    histograms = found(curate(texts, [{"use": "length", "min_characters": 60}]), blocks.Histogram)
    [characters] = [block for block in histograms if block.title == "length: characters"]
    [split] = characters.splits
    assert split.by == "source"
    for side, series in enumerate(characters.series):
        parts = [sum(values) for values in zip(*(each.values[side] for each in split.slices), strict=True)]
        assert parts == list(series.values)
    assert {each.name: each.beyond for each in split.slices} == {"texts/网页/": 1 / 3, "texts/books/": 0.35}


def test_groups_that_tell_nothing_apart_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one.txt").write_text("the only one")
    clean = curate(tmp_path, [{"use": "length", "min_characters": 60}])
    assert not found(clean, blocks.Matrix)
    assert [block.splits for block in found(clean, blocks.Histogram)] == [()]


def test_no_personal_data_in_the_page(texts: Path) -> None:
    pytest.importorskip("stdnum")
    for n, extra in enumerate(("", WORDS * 2, "联系")):
        (texts / "texts" / "books" / f"pii{n}.txt").write_text(f"{extra} {RAW[0]} {RAW[1]}", encoding="utf-8")
        (texts / "texts" / "books" / f"pii{n}copy.txt").write_text(f"{extra} {RAW[0]} {RAW[1]}", encoding="utf-8")
    for action in ("mask", "count", "drop"):
        ops = [{"use": "length", "min_characters": 20}, {"use": "pii", "action": action}, "exact"]
        clean = curate(texts, ops, dropped="all")
        shown = blocks.read(clean / "blocks.json")
        packed = [unpack(reason.rows) for block in found(clean, blocks.Drops) for reason in block.reasons]
        everything = render("t", [Section("clean", "curate", blocks=shown)], {}) + json.dumps(
            packed, ensure_ascii=False
        )
        assert not [secret for secret in RAW if secret in everything]
        [bars] = [block for block in found(clean, blocks.Bars) if block.title == "Personal data by kind"]
        assert "email" in bars.categories
        [examples] = found(clean, blocks.Examples)
        for example in examples.examples:
            [span] = example.spans
            assert example.text[span.start : span.end] == f"[{example.reason.upper()}]"


def test_personal_data_is_left_out_where_nobody_looked(texts: Path) -> None:
    clean = curate(texts, [{"use": "length", "min_characters": 60}])
    assert not found(clean, blocks.Bars)
    assert not found(clean, blocks.Examples)


def test_a_copy_names_the_row_that_was_kept(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "texts" / f"{name}.txt").write_text(WORDS)
    clean = curate(tmp_path, ["exact"])
    [block] = found(clean, blocks.Drops)
    rows = unpack(block.reasons[0].rows)
    assert [rows["detail"][0][place] for place in rows["detail"][1]] == ["copy of texts/a.txt"] * 2
    [sizes] = found(clean, blocks.Bars)
    assert (sizes.categories, sizes.series[0].values) == (("3",), (1,))


def test_an_excerpt_begins_where_the_mark_is_in_sight(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    lines = "".join(f"A line of its own, the {n}th of many, and none like it.\n" for n in range(30))
    again = "This one comes again and again.\n" * 60
    (tmp_path / "texts" / "a.txt").write_text(f"{lines}{again}")
    [block] = found(curate(tmp_path, [{"use": "gopher-repetition"}]), blocks.Drops)
    [reason] = block.reasons
    rows = unpack(reason.rows)
    assert reason.reason == "duplicate-lines"
    start, stop = rows["spans"]["0"][0]
    assert start <= len("… ")
    assert rows["text"]["0"][start:stop] == "This one comes again and again."
