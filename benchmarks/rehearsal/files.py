"""The files that documents are written to: formats and encodings by turns, and what is broken on purpose."""

import csv
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

ROWS = 2000
CHINESE, OTHERS = ("gb18030", "big5", "utf-16", "utf-8"), ("latin-1", "shift-jis", "cp1252", "utf-8")
SHARES = {
    "jsonl": 30,
    "jsonl.gz": 20,
    "jsonl.zst": 10,
    "parquet": 16,
    "csv": 6,
    "warc.gz": 4,
    "chat": 5,
    "text": 4,
    "html": 0.4,
    "md": 1,
    "epub": 3,
    "pdf": 0.2,
}
Row = dict[str, str]
TALL = 5000


class Shelf:
    """Writes documents into files below a folder, each into the format that its number draws."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.waiting: dict[str, list[tuple[Row, str]]] = {name: [] for name in SHARES}
        self.files: dict[str, int] = dict.fromkeys(SHARES, 0)

    def put(self, name: str, text: str, lang: str) -> str:
        """Put a document down; gives the format it went to."""
        rng = random.Random(f"{self.seed}-{name}")
        kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
        if kind == "pdf" and not text.isascii():
            kind = "jsonl"
        self.waiting[kind].append(({"doc": name, "text": text}, lang))
        if len(self.waiting[kind]) >= (200 if kind in ("epub", "chat") else ROWS * 5 if kind == "jsonl" else ROWS):
            self.flush(kind)
        return kind

    def close(self) -> None:
        """Write what waits."""
        for kind in SHARES:
            self.flush(kind)

    def flush(self, kind: str) -> None:
        """Write what waits for one format."""
        some, self.waiting[kind] = self.waiting[kind], []
        if some:
            number, self.files[kind] = self.files[kind], self.files[kind] + 1
            WRITERS[kind](self.folder, number, some)


Some = list[tuple[Row, str]]


def _lines(some: Some) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row, _ in some).encode()


def _jsonl(folder: Path, number: int, some: Some) -> None:
    _save(folder / "网页 crawl" / f"part {number:02d}.jsonl", _lines(some))


def _gzip(folder: Path, number: int, some: Some) -> None:
    _save(folder / "crawl" / f"{number:02d}.jsonl.gz", gzip.compress(_lines(some), 6, mtime=0))


def _zstd(folder: Path, number: int, some: Some) -> None:
    _save(folder / "crawl" / f"{number:02d}.jsonl.zst", bytes(pa.compress(_lines(some), codec="zstd", asbytes=True)))


def _table(some: Some) -> pa.Table:
    return pa.table({name: [row[name] for row, _ in some] for name in ("doc", "text")})


def _parquet(folder: Path, number: int, some: Some) -> None:
    place = folder / "表格" / f"part-{number:02d}.parquet"
    place.parent.mkdir(parents=True, exist_ok=True)
    pa.parquet.write_table(_table(some), place, compression="zstd", row_group_size=500)


def _csv(folder: Path, number: int, some: Some) -> None:
    place = io.StringIO(newline="")
    writer = csv.writer(place)
    writer.writerow(["doc", "text"])
    writer.writerows([row["doc"], row["text"]] for row, _ in some)
    _save(folder / "表格" / f"数据 {number:02d}.csv", place.getvalue().encode())


def _page(row: Row) -> bytes:
    body = "".join(f"<p>{escape(part)}</p>\n" for part in row["text"].split("\n\n"))
    menu = "<nav><a href='/'>Home</a> | <a href='/about'>About 关于</a></nav>"
    head = f"<title>{row['doc']}</title><link rel='canonical' href='https://example.org/{row['doc']}'>"
    page = f"<html><head><meta charset='utf-8'>{head}</head><body>{menu}<article>{body}</article></body></html>"
    return f"<!doctype html>{page}".encode()


def _warc(folder: Path, number: int, some: Some) -> None:
    place = io.BytesIO()
    for row, _ in some:
        page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + _page(row)
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://example.org/{row['doc']}\r\n"
            "WARC-Date: 2024-01-01T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000000>\r\n"
            f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(page)}\r\n\r\n"
        )
        place.write(gzip.compress(head.encode() + page + b"\r\n\r\n", 6, mtime=0))
    _save(folder / "crawl" / f"CC-{number:02d}.warc.gz", place.getvalue())


def _html(folder: Path, number: int, some: Some) -> None:
    for row, _ in some:
        _save(folder / "html" / f"{row['doc']}.html", _page(row))


def _text(folder: Path, number: int, some: Some) -> None:
    """One file a document: Chinese in GB18030, Big5 or UTF-16, the rest in UTF-8, Latin-1 or Windows-1252."""
    for row, lang in some:
        text, turn = row["text"], int(row["doc"][1:]) % 4
        for codec in (CHINESE if lang == "zh" else OTHERS)[turn:]:
            try:
                data = text.encode(codec)
            except UnicodeEncodeError:
                continue
            _save(folder / "文本 files" / codec / f"{row['doc']} 的.txt", data)
            break


def _md(folder: Path, number: int, some: Some) -> None:
    for row, _ in some:
        _save(folder / "notes" / f"{row['doc']}.md", row["text"].encode())


def _chat(folder: Path, number: int, some: Some) -> None:
    rows = []
    for row, _ in some:
        ask, _, reply = row["text"].partition("\n\n")
        turns = [{"from": "human", "value": ask}, {"from": "gpt", "value": reply or ask}]
        rows.append({"id": row["doc"], "doc": row["doc"], "conversations": turns})
    _save(folder / "对话" / f"sharegpt-{number:02d}.json", json.dumps(rows, ensure_ascii=False).encode())


def _epub(folder: Path, number: int, some: Some) -> None:
    """One book a document would be many files: some have one book each, and a book is one text."""
    for row, _ in some[:20]:
        place = folder / "books" / f"{row['doc']}.epub"
        place.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(place, "w") as book:
            _add(book, "mimetype", b"application/epub+zip")
            _add(book, "META-INF/container.xml", CONTAINER)
            _add(book, "content.opf", OPF)
            body = "".join(f"<p>{escape(part)}</p>" for part in row["text"].split("\n\n"))
            _add(book, "one.xhtml", f"<html xmlns='http://www.w3.org/1999/xhtml'><body>{body}</body></html>".encode())
    if some[20:]:
        _jsonl(folder / "more", number, some[20:])


def _add(book: zipfile.ZipFile, name: str, data: bytes) -> None:
    book.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), data)


CONTAINER = (
    b"<?xml version='1.0'?><container version='1.0' xmlns='urn:oasis:names:tc:opendocument:xmlns:container'><rootfiles>"
    b"<rootfile full-path='content.opf' media-type='application/oebps-package+xml'/></rootfiles></container>"
)
OPF = (
    b"<?xml version='1.0'?><package xmlns='http://www.idpf.org/2007/opf' version='3.0'><metadata/><manifest>"
    b"<item id='a' href='one.xhtml' media-type='application/xhtml+xml'/></manifest>"
    b"<spine><itemref idref='a'/></spine></package>"
)


def _pdf(folder: Path, number: int, some: Some) -> None:
    for row, _ in some:
        _save(folder / "pdf" / f"{row['doc']}.pdf", _pdf_bytes(row["text"]))


def _pdf_bytes(text: str) -> bytes:
    """Write the plainest of PDFs: one tall page, one font, a line of at most 90 letters each."""
    lines = [part[k : k + 90] for part in text.split("\n") for k in range(0, max(len(part), 1), 90)]
    escaped = (line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in lines)
    stream = (f"BT /F 10 Tf 12 TL 20 {TALL - 20} Td " + "".join(f"({line}) Tj T* " for line in escaped) + "ET").encode()
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 {TALL}]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>".encode(),
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(out),
    )


WRITERS: dict[str, Callable[[Path, int, Some], None]] = {
    "jsonl": _jsonl,
    "jsonl.gz": _gzip,
    "jsonl.zst": _zstd,
    "parquet": _parquet,
    "csv": _csv,
    "warc.gz": _warc,
    "html": _html,
    "text": _text,
    "md": _md,
    "chat": _chat,
    "epub": _epub,
    "pdf": _pdf,
}


def break_some(folder: Path, text: str) -> dict[str, str]:
    """Write what is broken below ``folder``; gives for each file what must be said of it ("" where it may be read)."""
    folder.mkdir(parents=True, exist_ok=True)
    row = json.dumps({"doc": "broken", "text": text}, ensure_ascii=False).encode() + b"\n"
    noise = random.Random(0).randbytes(300_000)
    packed = gzip.compress(row * 300 + json.dumps({"text": noise.hex()}).encode(), mtime=0)
    table = io.BytesIO()
    pa.parquet.write_table(pa.table({"text": [text] * 10}), table)
    good = {
        "truncated 断.jsonl.gz": (packed[: len(packed) // 2], "truncated"),
        "half.jsonl": (row * 3 + row[: len(row) // 2], "not JSON"),
        "line.jsonl": (row + b'{"text": "' + b"long " * 20_000_000 + b'"}\n' + row, "line too long"),
        "nul.jsonl": (b'{"text": "a\\u0000b and so on"}\n' + row[:40] + b"\0\0" + row[40:], ""),
        "surrogate.jsonl": (b'{"text": "\\ud800 alone"}\n' + row, "lone surrogate"),
        "deep.jsonl": (b"[" * 200_000 + b"]" * 200_000 + b"\n" + row, "nested too deep"),
        "bomb.jsonl.gz": (gzip.compress(b'{"text": "' + b"0" * 300_000_000 + b'"}', 9, mtime=0), "compression bomb"),
        "really-parquet.jsonl": (table.getvalue(), "wrong ending: it is Parquet"),
        "really-text.parquet": (text.encode(), "broken file"),
        "footer.parquet": (table.getvalue()[:-30], "broken file"),
        "empty.txt": (b"", ""),
        "empty.jsonl": (b"", ""),
        "empty.parquet": (b"", "broken file"),
        "notes.unknown": (text.encode(), "no reader for .unknown"),
        "noise.txt": (noise, "encoding"),
        "rows.csv": (b'doc,text\n1,"open quote\n2,b\n', ""),
        "locked.pdf": (b"%PDF-1.4\nnothing", "broken file"),
        "book.epub": (b"PK\x03\x04nothing", "broken file"),
        "cut.warc.gz": (gzip.compress(b"WARC/1.0\r\nWARC-Type: response\r\n", mtime=0)[:30], ""),
    }
    for name, (data, _) in good.items():
        _save(folder / name, data)
    (folder / "dangling.txt").symlink_to("nowhere")
    _save(folder / "secret.txt", text.encode())
    (folder / "secret.txt").chmod(0)
    return {name: said for name, (_, said) in good.items()} | {"dangling.txt": "", "secret.txt": ""}


def _save(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)


def write_lines(place: Path, rows: Iterable[Any]) -> None:
    """Write rows as JSON Lines."""
    file: IO[str]
    with place.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
