"""What each format gives: texts, what they say of themselves, and places."""

import json
from pathlib import Path

from lmloop.core.reader import Reader, Reject
from lmloop.core.record import Record
from lmloop.readers.chat import Chat
from lmloop.readers.csv import Csv
from lmloop.readers.epub import Epub
from lmloop.readers.html import Html
from lmloop.readers.huggingface import Huggingface
from lmloop.readers.office import Office
from lmloop.readers.pdf import Pdf
from lmloop.readers.source import SourceCode
from lmloop.readers.warc import Warc


def read(reader: Reader, folder: Path) -> dict[str, Record | Reject]:
    for name, content in reader.example_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    items = [item for source in reader.sources(folder) for item in reader.read(source)]
    return {item.source if isinstance(item, Reject) else item.meta["source"]: item for item in items}


def record(item: Record | Reject) -> Record:
    assert isinstance(item, Record), item
    return item


def test_a_page_gives_its_main_text_in_the_encoding_it_names(tmp_path: Path) -> None:
    found = read(Html(files=["."]), tmp_path)
    chinese = record(found["z.htm"])
    assert (chinese.text, chinese.meta["encoding"]) == ("数据的质量决定模型的质量。", "gb18030")
    assert "Home" not in record(found["e.html"]).text


def test_an_archive_gives_pages_with_address_and_date(tmp_path: Path) -> None:
    found = read(Warc(files=["."]), tmp_path)
    page = record(found["a.warc#1"])
    assert page.text == "A page of text."
    assert page.meta["url"] == "https://example.com/a"
    assert page.meta["date"].startswith("2024-01-02")
    assert record(found["a.warc.wet#1"]).text == "语言模型从文本中学习。"


def test_a_book_is_one_document_or_one_a_chapter(tmp_path: Path) -> None:
    book = record(read(Epub(files=["."]), tmp_path)["book.epub"])
    assert book.text.index("第一章的内容") < book.text.index("第二章的内容")
    assert (book.meta["title"], book.meta["language"]) == ("书", "zh")
    chapters = read(Epub(files=["."], chapters=True), tmp_path)
    assert list(chapters) == ["book.epub#OEBPS/a.xhtml", "book.epub#OEBPS/b.xhtml"]


def test_pdf_and_docx_give_their_text(tmp_path: Path) -> None:
    assert record(read(Pdf(files=["."]), tmp_path)["p.pdf"]).text == "A page of text."
    assert record(read(Office(files=["."]), tmp_path)["d.docx"]).text == "第一段。"


def test_tables_with_quotes_tabs_and_other_encodings(tmp_path: Path) -> None:
    found = read(Csv(files=["."]), tmp_path)
    assert record(found["t.csv:1"]).text == "One, and\nmore."
    assert record(found["g.csv:1"]).meta == {"类": "一", "source": "g.csv:1"}
    assert record(found["u.tsv:1"]).meta["url"] == "u"


def test_code_has_a_language_and_a_licence_and_copies_are_left_out(tmp_path: Path) -> None:
    found = read(SourceCode(files=["."]), tmp_path)
    mine = record(found["code/a.py"])
    assert (mine.meta["language"], mine.meta["licence"]) == ("python", "MIT")
    reject = found["code/node_modules/b.js"]
    assert isinstance(reject, Reject)
    assert reject.reason == "vendored"


def test_conversations_of_each_shape(tmp_path: Path) -> None:
    found = read(Chat(files=["."]), tmp_path)
    said = {name: (*((t.role, t.text) for t in record(item).prompt), record(item).text) for name, item in found.items()}
    assert said == {
        "a.json:1": (("user", "Add.\n1, 2"), "3"),
        "m.jsonl:1": (("user", "问？"), "答。"),
        "s.json:1": (("user", "Hi"), "Hello."),
    }


def test_every_reply_can_be_a_record(tmp_path: Path) -> None:
    turns = [{"role": role, "content": text} for role, text in (("user", "a"), ("assistant", "b")) * 2]
    (tmp_path / "c.jsonl").write_text(json.dumps({"messages": turns}) + '\n{"messages": []}\n')
    reader = Chat(files=["c.jsonl"], replies="all")
    one, two, none = (item for source in reader.sources(tmp_path) for item in reader.read(source))
    assert (len(record(one).prompt), len(record(two).prompt)) == (1, 3)
    assert record(one).id != record(two).id
    assert isinstance(none, Reject)


def test_a_mirror_of_the_hub(tmp_path: Path) -> None:
    found = read(Huggingface(files=["user/example"], hub="mirror"), tmp_path)
    assert [record(item).text for item in found.values()] == ["One.", "二。"]
