from collections import Counter

from lmloop.core.reader import Reject, Source
from lmloop.core.record import Record
from lmloop.readers.python_docs import PythonDocs


def test_the_installation_gives_documents_of_each_kind(tmp_path):
    reader = PythonDocs(packages=["click", "pip"])
    sources = list(reader.sources(tmp_path))
    assert [source.name for source in sources] == sorted(source.name for source in sources)
    tops = {source.name.split("/")[1].partition("-")[0] for source in sources if source.name.startswith("packages/")}
    assert tops <= {"click", "pip"}
    some = [
        s for s in sources if s.name.startswith(("packages/click", "stdlib/json", "stdlib/pydoc_data", "packages/pip"))
    ]
    kinds = Counter(item.meta["kind"] for s in some for item in reader.read(s) if isinstance(item, Record))
    assert set(kinds) == {"docstrings", "readme", "licence", "topics"}


def test_docstrings_come_under_the_name_of_what_they_describe(tmp_path):
    path = tmp_path / "m.py"
    path.write_text(
        '"""Top."""\nclass A:\n    """In A."""\n    def f(self):\n        """In f.\n\n        More.\n        """\n'
    )
    (record,) = PythonDocs().read(Source(path, "m.py", 1))
    assert isinstance(record, Record)
    assert record.text == "Top.\n\nA\nIn A.\n\nA.f\nIn f.\n\nMore.\n"


def test_a_declared_encoding_is_honoured_and_a_broken_file_rejected(tmp_path):
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_bytes('# -*- coding: gb18030 -*-\n"""文档。"""\n'.encode("gb18030"))
    bad.write_text("def (:\n")
    (record,) = PythonDocs().read(Source(good, "good.py", 1))
    (reject,) = PythonDocs().read(Source(bad, "bad.py", 1))
    assert isinstance(record, Record)
    assert record.text == "文档。\n"
    assert isinstance(reject, Reject)
    assert reject.reason == "not Python"
