"""What the readers share: encodings, compression, cutting, odd places, and files spoilt at random."""

import bz2
import gzip
import io
import json
import lzma
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmloop import run
from lmloop.core.batch import rows
from lmloop.core.listing import own_names
from lmloop.core.part import build, find
from lmloop.core.reader import Reader, Reject, Source
from lmloop.core.record import Record
from lmloop.formats.encoding import decode
from lmloop.formats.opening import Broken
from lmloop.readers import files
from lmloop.readers.files import Files
from lmloop.readers.jsonl import Jsonl
from lmloop.readers.parquet import Parquet

SENTENCES = {
    "simplified": "语言模型从文本中学习。数据的质量决定模型的质量，因此清洗语料是第一步。",
    "traditional": "語言模型從文本中學習。資料的品質決定模型的品質，所以整理語料是第一步。",
    "japanese": "言語モデルは文章から学びます。データの質がモデルの質を決めるので、整理が第一歩です。",
    "korean": "언어 모델은 글에서 배웁니다. 자료의 질이 모델의 질을 정하므로 정리가 첫걸음입니다.",
    "french": "Les modèles apprennent à partir de textes ; la qualité des données décide où l'on arrivera à Noël.",
    "german": "Modelle lernen aus Texten. Die Güte der Daten entscheidet über die des Modells, also räumt man auf.",
    "russian": "Языковые модели учатся на текстах. Качество данных определяет качество модели.",
    "polish": "Modele językowe uczą się z tekstów. Jakość danych określa jakość modelu, więc trzeba je oczyścić.",
    "greek": "Τα γλωσσικά μοντέλα μαθαίνουν από κείμενα. Η ποιότητα των δεδομένων καθορίζει το μοντέλο.",
}
ENCODINGS = [
    *(("simplified", name) for name in ("gb18030", "gbk", "gb2312")),
    *(("traditional", name) for name in ("big5", "cp950", "gb18030")),
    *(("japanese", name) for name in ("shift_jis", "cp932", "euc_jp", "iso2022_jp")),
    *(("korean", name) for name in ("euc_kr", "cp949")),
    *((language, name) for language in ("french", "german") for name in ("latin-1", "cp1252")),
    *(("russian", name) for name in ("cp1251", "koi8_r")),
    ("polish", "cp1250"),
    ("greek", "cp1253"),
    *((language, name) for language in SENTENCES for name in ("utf-8", "utf-8-sig", "utf-16", "utf-32")),
    *((language, f"utf-{size}-{end}") for language in SENTENCES for size in (16, 32) for end in ("le", "be")),
]


def read(reader: Reader, base: Path) -> list[Record | Reject]:
    return [item for source in reader.sources(base) for item in reader.read(source)]


def texts(items: list[Record | Reject]) -> list[str]:
    return [item.text for item in items if isinstance(item, Record)]


def reasons(items: list[Record | Reject]) -> list[tuple[str, str]]:
    return [(item.source, item.reason) for item in items if isinstance(item, Reject)]


@pytest.mark.parametrize(("language", "encoding"), ENCODINGS)
def test_a_sentence_is_read_in_its_encoding(language: str, encoding: str) -> None:
    text = SENTENCES[language]
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize(("language", "encoding"), ENCODINGS)
def test_a_few_letters_are_never_misread_as_another_language(language: str, encoding: str) -> None:
    if encoding.startswith("utf-"):
        return
    text = SENTENCES[language]
    for start in range(0, len(text) - 6, 3):
        piece = text[start : start + 6]
        if piece.isascii():
            continue
        with suppress(Broken):
            assert decode(piece.encode(encoding)).text == piece


@pytest.mark.parametrize("content", [b"\xc4\xe3", b"\x80", b"\xff\xfe\x00", bytes(range(128, 256))])
def test_what_is_not_clear_is_not_guessed(content: bytes) -> None:
    with pytest.raises(Broken):
        decode(content)


def test_damage_in_utf8_stays_utf8_and_is_counted() -> None:
    found = decode((SENTENCES["simplified"] * 40).encode()[:-1] + b"\xff", max_replaced=0.01)
    assert found.encoding == "utf-8"
    assert 1 <= found.replaced <= 2
    with pytest.raises(Broken, match="encoding"):
        decode((SENTENCES["simplified"] * 40).encode() + b"\xff")


@pytest.mark.parametrize("ending", ["gz", "zst", "bz2", "xz"])
def test_a_compressed_file_cut_short_gives_what_is_whole_and_a_reject(tmp_path: Path, ending: str) -> None:
    lines = b"".join(b'{"text": "%d %s"}\n' % (n, os.urandom(40).hex().encode()) for n in range(5000))
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as out:
        out.write(lines)
    packed = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
        "zst": lambda _: sink.getvalue().to_pybytes(),
    }[ending](lines)
    (tmp_path / f"a.jsonl.{ending}").write_bytes(packed)
    assert len(texts(read(Jsonl(files=["."]), tmp_path))) == 5000
    (tmp_path / f"a.jsonl.{ending}").write_bytes(packed[: len(packed) * 3 // 4])
    found = read(Jsonl(files=["."]), tmp_path)
    assert len(texts(found)) >= {"gz": 1000, "zst": 1000, "xz": 1, "bz2": 0}[ending]  # bz2 has blocks of 900 kB
    assert reasons(found)[-1] == (f"a.jsonl.{ending}", "truncated")


def test_a_bomb_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"0" * 60_000_000))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b"0" * 60_000_000))
    assert [reason for _, reason in reasons(read(Files(files=["."]), tmp_path))] == ["compression bomb"] * 2


def test_a_tree_with_traps_ends_and_tells_all_of_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "dead.txt").symlink_to("nowhere")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.txt").write_text("no")
    (tmp_path / "x.unknown").write_text("?")
    (tmp_path / "名 字.TXT").write_text("内容", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("")
    recipe = {
        "name": "t",
        "step": [{"id": "raw", "use": "ingest", "reader": {"use": "files", "files": [str(tmp_path)]}}],
    }
    done = run(recipe, home=tmp_path.parent / "traps")["raw"]
    lines = (done.path / "rejects.jsonl").read_text().splitlines()
    found = {Path(row["source"]).name: row["reason"] for row in map(json.loads, lines)}
    assert found == {
        ".git": "version control",
        "dead.txt": "unreadable",
        "loop": "a link to a folder",
        "pipe.txt": "no regular file",
        "x.unknown": "no reader for .unknown",
    }
    assert done.metrics["records"] == 2


@pytest.mark.parametrize(
    ("ending", "what"),
    [
        (".parquet", "Parquet"),
        (".pdf", "PDF"),
        (".epub", "a zip archive"),
        (".gz", "compressed by gzip"),
        (".xz", "compressed by xz"),
    ],
)
def test_what_is_no_text_is_one_reject_under_any_ending_of_text(tmp_path: Path, ending: str, what: str) -> None:
    place = io.BytesIO()
    pq.write_table(pa.table({"text": ["正文"]}), place)
    content = {
        ".parquet": place.getvalue(),
        ".pdf": b"%PDF-1.4\n\0",
        ".epub": b"PK\x03\x04\n\0",
        ".gz": gzip.compress(b'{"text": "one"}\n'),
        ".xz": lzma.compress(b'{"text": "one"}\n'),
    }[ending]
    (tmp_path / f"right{ending}").write_bytes(content)
    for name in ("题.jsonl", "a.txt", "a.csv", "a.html"):
        (tmp_path / name).write_bytes(content)
    found = {item.source: item for item in read(Files(files=["."]), tmp_path) if isinstance(item, Reject)}
    for name in ("题.jsonl", "a.txt", "a.csv", "a.html"):
        assert found[name].reason == f"wrong ending: it is {what}"
    assert not found.get(f"right{ending}", Reject("", "")).reason.startswith("wrong")


def test_a_tree_of_many_files_builds_each_reader_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        (tmp_path / f"{number}.txt").write_text("text\n", encoding="utf-8")
        (tmp_path / f"{number}.jsonl").write_text('{"content": "行"}\n', encoding="utf-8")
    built = Counter[str]()
    real = files.build

    def counting(kind: str, spec: Any) -> Any:
        built[spec["use"]] += 1
        return real(kind, spec)

    monkeypatch.setattr(files, "build", counting)
    files._built.cache_clear()
    reader = Files(files=["."], settings={"jsonl": {"text": "content"}})
    found = [item.text for item in read(reader, tmp_path) if isinstance(item, Record)]
    assert sorted(found) == ["text\n"] * 30 + ["行"] * 30
    assert (built["text"], built["jsonl"]) == (1, 1)


@pytest.mark.parametrize("size", [700, 5000, 60_000])
def test_pieces_of_a_large_file_hold_the_same_rows_with_the_same_names(tmp_path: Path, size: int) -> None:
    values = [{"text": f"{n} " + "文" * (n % 300), "n": n} for n in range(400)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(json.dumps(row).encode() for row in values))
    pq.write_table(pa.Table.from_pylist(values), tmp_path / "b.parquet", row_group_size=30)
    for reader in (Jsonl(files=["a.jsonl"]), Parquet(files=["b.parquet"])):
        (source,) = reader.sources(tmp_path)
        whole = all_rows(reader, [source])
        pieces = list(reader.cut(source, size))
        assert len(pieces) > 1 or size * 2 > source.size
        assert all_rows(reader, pieces) == whole
        assert [record.text for record in whole] == [row["text"] for row in values]
        assert len({record.id for record in whole}) == 400


def all_rows(reader: Reader, sources: list[Source]) -> list[Record]:
    found = []
    for source in sources:
        for item in reader.read_batches(source):
            assert not isinstance(item, Reject)
            found += rows(item)
    return found


def test_workers_and_pieces_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = b"".join(b'{"text": "%d %s"}\n' % (n, b"x" * 300) for n in range(3000))
    (tmp_path / "big.jsonl").write_bytes(lines + b"broken\n")
    step = {"id": "raw", "use": "ingest", "shard_mb": 0.2, "reader": {"use": "jsonl", "files": ["big.jsonl"]}}
    results = [run({"name": "t", "step": [step]}, home=tmp_path / str(n), workers=n)["raw"] for n in (1, 2)]
    one, two = ({p.name: p.read_bytes() for p in (done.path / "data").iterdir()} for done in results)
    assert len(one) > 3
    assert one == two
    assert json.loads((results[0].path / "rejects.jsonl").read_text())["source"] == "big.jsonl:3001"


def test_files_elsewhere_are_read_and_their_change_is_seen(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/corpus/一.jsonl", b'{"text": "one"}\n')
    memory.pipe("/corpus/b.md", b"two")
    memory.pipe("/corpus/b.bin", b"?")
    reader = Files(files=["memory://corpus"])
    found = list(reader.sources(tmp_path))
    assert [(source.name, source.refused) for source in found] == [
        ("memory:///corpus/b.bin", "no reader for .bin"),
        ("memory:///corpus/b.md", ""),
        ("memory:///corpus/一.jsonl", ""),
    ]
    assert texts(read(reader, tmp_path)) == ["two", "one"]
    memory.pipe("/corpus/b.md", b"three")
    stamps = [source.stamp for source in reader.sources(tmp_path)]
    assert stamps[1] != found[1].stamp
    assert stamps[2] == found[2].stamp


def test_a_field_for_each_thing(tmp_path: Path) -> None:
    row = {
        "正文": "甲",
        "编号": "k1",
        "source": "wiki",
        "题": "问？",
        "选项": ["一", "二"],
        "答案": "B",
        "extra": [1, None],
    }
    (tmp_path / "a.json").write_text(json.dumps([row, {**row, "答案": "C"}]), encoding="utf-8")
    reader = Jsonl(files=["."], text="正文", id="编号", prompt="题", choices="选项", answer="答案")
    record, reject = read(reader, tmp_path)
    assert isinstance(record, Record)
    assert (record.text, record.id, record.prompt[0].text, record.choices, record.answer) == (
        *("甲", "k1", "问？"),
        ("一", "二"),
        1,
    )
    assert record.meta == {"编号": "k1", "source_": "wiki", "extra": [1, None], "source": "a.json:1"}
    assert isinstance(reject, Reject)
    assert reject.reason == "not a record"


def examples() -> dict[str, dict[str, bytes]]:
    return {name: dict(cast(Any, find("readers", name)).example_files()) for name in own_names("readers")}


EXAMPLES = {
    (name, file): content
    for name, files in {**examples(), "text": {"t.txt": "中文文本。".encode("gb18030")}}.items()
    for file, content in files.items()
    if name not in ("files", "huggingface")
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(EXAMPLES)),
    st.lists(st.tuples(st.floats(0, 0.999), st.binary(max_size=6), st.integers(0, 12)), min_size=1, max_size=6),
)
def test_a_file_spoilt_anywhere_gives_records_and_rejects_and_never_stops(
    tmp_path: Path, which: tuple[str, str], changes: list[tuple[float, bytes, int]]
) -> None:
    name, file = which
    content = bytearray(EXAMPLES[which])
    for place, new, gone in changes:
        start = int(place * len(content))
        content[start : start + gone] = new
    path = tmp_path / Path(file).name
    path.write_bytes(content)
    reader = cast(Reader, build("readers", {"use": name, "files": [path.name]}))
    source = Source(path, path.name, len(content))
    kinds = Counter(isinstance(item, Reject) for item in reader.read_batches(source))
    assert kinds.total() or not content.strip() or name in ("csv", "jsonl", "chat", "parquet")
    for item in reader.read_batches(source):
        if not isinstance(item, Reject):
            item.validate(full=True)
            assert all("source" in record.meta for record in rows(item))
