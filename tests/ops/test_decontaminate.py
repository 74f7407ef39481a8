import json
import os
import re
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.batch import from_records
from lmloop.core.errors import RecipeError
from lmloop.core.part import build
from lmloop.core.record import Record, Turn
from lmloop.kernels.overlap import Units, all_overlaps, make_indexes, units_of
from lmloop.ops.decontaminate import BENCHMARKS, Decontaminate

BANK = os.environ.get(BENCHMARKS)
needs_bank = pytest.mark.skipif(not BANK, reason=f"{BENCHMARKS} names no folder with gsm8k, mmlu and cmmlu")

QUESTION = "Where does the ferry from the old harbour go on Sundays, and when does it come back to the town?"
FRAGE = "如果一艘渡船每小时航行十二公里，那么从旧港口到对面的岛屿需要多长时间？"


def write(folder: Path, *records: dict[str, object], name: str = "bench.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return str(path)


def plain_units(text: str) -> list[str]:
    return re.findall("[ab]+|[中文]", text.lower())


TEXTS = st.lists(st.text(alphabet="aB 中文,\n", max_size=25), max_size=5)


@given(TEXTS, TEXTS, st.integers(1, 4), st.integers(0, 3), st.booleans())
def test_shared_n_grams_are_those_of_the_definition(texts, bench, least, more, collide):
    n = least + more
    units, indexes = units_of(texts), make_indexes(bench, n, least)
    if collide:  # a hit that rests on a hash would now be everywhere
        same = np.uint64(0)
        units = units._replace(hash=units.hash * same)
        indexes = tuple(make_colliding(bench, n, least))
    grams: dict[tuple[str, ...], set[int]] = {}
    for number, text in enumerate(bench):
        words = plain_units(text)
        size = n if len(words) >= n else len(words)
        telling = sum(8 if word in "中文" else 13 for word in words)
        for i in range(len(words) - size + 1 if size == n or telling >= 13 * least else 0):
            grams.setdefault(tuple(words[i : i + size]), set()).add(number)
    spans = all_overlaps(units, indexes)
    for document, text in enumerate(texts):
        words = plain_units(text)
        covered = {
            k
            for size in range(1, n + 1)
            for i in range(len(words) - size + 1)
            if tuple(words[i : i + size]) in grams
            for k in range(i, i + size)
        }
        mine = np.flatnonzero(spans.document == document)
        first = units.first[document]
        found = {k - first for span in mine for k in range(spans.start[span], spans.stop[span])}
        assert found == covered
        for span in mine.tolist():
            part = words[spans.start[span] - first : spans.stop[span] - first]
            source = plain_units(bench[spans.source[span]])
            size = min(n, len(source))
            assert any(part[i : i + size] == source[j : j + size] for i in range(len(part)) for j in range(len(source)))


def make_colliding(bench: list[str], n: int, least: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lmloop.kernels.overlap.units_of", lambda texts: no_hash(units_of(texts)))
        yield from make_indexes(bench, n, least)


def no_hash(units: Units) -> Units:
    return units._replace(hash=units.hash * np.uint64(0))


def test_leaks_are_found_in_both_languages_whatever_case_marks_and_lines(tmp_path):
    against = write(
        tmp_path, {"question": QUESTION, "choices": ["north", "south"]}, {"question": FRAGE, "answer": "三"}
    )
    op = Decontaminate(against=[against])
    hidden = f"News.\n{QUESTION.upper().replace(',', ' --').replace(' old ', chr(10) + 'old ')} Nobody knows."
    zh = f"新闻：{FRAGE.replace('，', chr(10))}没有人知道。"
    clean = ["Where does the ferry from the old harbour go?", "从旧港口到对面的岛屿有多远", "north", ""]
    outcome = op([hidden, zh, *clean])
    assert outcome.texts == clean
    assert outcome.reasons == {"contaminated": 2}
    rows = outcome.dropped.to_pylist()
    assert [row["stats.decontaminate.source"] for row in rows] == ["bench.jsonl:0", "bench.jsonl:1"]
    for row, text in zip(rows, (hidden, zh), strict=True):
        (span,) = row["stats.decontaminate.matches"]
        assert text[span["start"] : span["stop"]] == row["stats.decontaminate.match"]
    assert rows[0]["stats.decontaminate.match"].startswith("WHERE DOES")
    assert rows[1]["stats.decontaminate.match"].endswith("需要多长时间")


@pytest.mark.parametrize(("words", "found"), [(13, True), (8, True), (7, False)])
def test_short_questions_are_looked_for_whole_down_to_a_length(tmp_path, words, found):
    question = " ".join(f"word{k}" for k in "abcdefghijklm"[:words])
    op = Decontaminate(against=[write(tmp_path, {"question": question})])
    assert bool(op([f"before it {question} and after"]).reasons) == found
    assert not op([f"before it {question.rpartition(' ')[0]} and after"]).reasons


@pytest.mark.parametrize(
    ("text", "n", "found"), [("国际货币基金组织", 13, False), ("一二三四五六七八九十甲乙", 13, False)]
)
def test_a_name_in_chinese_is_no_leak(tmp_path, text, n, found):
    op = Decontaminate(against=[write(tmp_path, {"choices": [text, "别的"]})], n=n)
    assert bool(op([f"据报道，{text}昨天说明了情况。"]).reasons) == found
    longer = "一二三四五六七八九十甲乙丙"
    assert Decontaminate(against=[write(tmp_path, {"question": longer})], n=20)([f"问：{longer}？"]).reasons


def test_leaks_around_the_text_are_found(tmp_path):
    against = [write(tmp_path, {"question": QUESTION}, {"question": FRAGE})]
    records = [
        Record("It goes to the island.", prompt=(Turn("system", "Be kind."), Turn("user", f"Tell me: {QUESTION}"))),
        Record("三小时。", prompt=(Turn("user", FRAGE),)),
        Record("", choices=("north", QUESTION), answer=1),
        Record("It goes to the island.", prompt=(Turn("user", "Where does it go?"),)),
        Record("no turns"),
    ]
    op = Decontaminate(against=against)
    outcome = op.apply(from_records(records))
    assert outcome.texts == ["It goes to the island.", "no turns"]
    rows = outcome.dropped.to_pylist()
    assert [row["stats.decontaminate.source"] for row in rows] == ["bench.jsonl:0", "bench.jsonl:1", "bench.jsonl:0"]
    assert rows[1]["stats.decontaminate.match"] == FRAGE.rstrip("？")
    assert rows[1]["stats.decontaminate.overlap"] == pytest.approx(33 / 36)
    assert rows[0]["stats.decontaminate.matches"] is None
    assert (
        op.apply(from_records([Record("x", prompt=(Turn("user", FRAGE),)), *records]).slice(1)).texts == outcome.texts
    )
    cut = Decontaminate(against=against, action="cut").apply(from_records([*records, Record(f"So. {QUESTION} Yes.")]))
    assert cut.reasons == {"contaminated": 3}
    assert cut.texts == ["It goes to the island.", "no turns", "So. Yes."]
    mark = Decontaminate(against=against, action="mark").apply(from_records(records))
    assert [share > 0 for share in mark.batch.column("stats.decontaminate.overlap").to_pylist()] == [True] * 3 + [
        False
    ] * 2


def test_spans_are_cut_or_only_marked(tmp_path):
    against = [write(tmp_path, {"question": QUESTION}, {"question": FRAGE})]
    texts = [f"First. {QUESTION} Last.\nEnd.", f"开头。{FRAGE}结尾。", QUESTION, "clean"]
    cut = Decontaminate(against=against, action="cut")(texts)
    assert cut.texts == ["First. Last.\nEnd.", "开头。结尾。", "clean"]
    assert cut.reasons == {"nothing-left": 1}
    assert cut.dropped.column("text").to_pylist() == [QUESTION]
    mark = Decontaminate(against=against, action="mark")(texts)
    assert mark.texts == texts
    assert [share > 0 for share in mark.batch.column("stats.decontaminate.overlap").to_pylist()] == [*[True] * 3, False]
    lenient = Decontaminate(against=against, max_overlap=0.95)(texts)
    assert lenient.texts == [*texts[:2], "clean"]


def test_against_folders_runs_tasks_and_names(tmp_path, monkeypatch):
    bank = tmp_path / "bank"
    (bank / "ferry" / "test").mkdir(parents=True)
    write(bank / "ferry" / "test", {"question": QUESTION}, name="a.jsonl")
    (bank / "ferry" / "LICENSE").write_text(FRAGE, encoding="utf-8")
    monkeypatch.setenv(BENCHMARKS, str(bank))
    assert Decontaminate(against=["ferry"])([QUESTION]).dropped.to_pylist()[0]["stats.decontaminate.source"] == (
        "ferry/test/a.jsonl:0"
    )
    assert Decontaminate(against=["ferry"])([FRAGE]).texts == [FRAGE]

    import pyarrow as pa
    import pyarrow.parquet as pq

    run = tmp_path / "clean-1234"
    (run / "data").mkdir(parents=True)
    (run / "run.json").write_text("{}", encoding="utf-8")
    record = Record(prompt=(Turn("user", FRAGE),), choices=("a", QUESTION), answer=0)
    pq.write_table(pa.Table.from_batches([from_records([record])]), run / "data" / "00000.parquet")
    assert Decontaminate(against=[str(run)])([FRAGE, QUESTION, "else"]).texts == ["else"]

    op = Decontaminate(against=[str(run)])
    before = op.identity()
    pq.write_table(pa.Table.from_batches([from_records([Record("new")])]), run / "data" / "00000.parquet")
    assert op.identity() != before
    assert op([FRAGE]).texts == [FRAGE], "an edited file is read again"
    with pytest.raises(RecipeError, match="no file, folder or benchmark is called 'no-such'"):
        build("ops", {"use": "decontaminate", "against": ["no-such"]})
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecipeError, match="there are no records in"):
        build("ops", {"use": "decontaminate", "against": [str(tmp_path / "empty")]})


WORDS = "the a of sea road town ship and to in harbour morning people old new great house letter winter bread"


@needs_bank
@pytest.mark.parametrize("name", ["gsm8k", "mmlu", "cmmlu"])
def test_planted_leaks_are_found_and_nothing_else(name):
    chance = Random(3)
    op = Decontaminate(against=[name])
    texts = [text for _, found in op.against[0].labelled() for text in found]
    long = [text for text in chance.sample(texts, 1500) if len(units_of([text]).hash) >= 8][:200]
    carriers = [" ".join(chance.choices(WORDS.split(), k=80)) for _ in range(400)]
    carriers += ["".join(chr(chance.randrange(0x4E00, 0x5E00)) for _ in range(200)) for _ in range(100)]
    leaked = [f"{chance.choice(carriers)}.\n{chance.choice([str, str.upper])(text)}\n好" for text in long]
    outcome = op([*carriers, *leaked])
    assert len(long) > 100
    assert outcome.texts == carriers
