from lmloop.core.reader import Reject, Source
from lmloop.core.record import Record
from lmloop.readers.python_code import PythonCode

CODE = '''# -*- coding: utf-8 -*-
"""Top. 文档"""
# a comment
class Box:
    """A box."""

class Tool:
    """A tool."""
    size = 3  # 大小

    async def use(self, thing="#"):
        """Use it."""
        return f"用 {thing}"
'''


def test_the_installation_gives_its_code_and_no_tests(tmp_path):
    names = [source.name for source in PythonCode(packages=["click"]).sources(tmp_path)]
    assert names == sorted(names)
    assert "stdlib/json/decoder.py" in names
    assert not [name for name in names if "/test/" in name or "/tests/" in name]


def test_code_comes_without_docstrings_and_comments(tmp_path):
    path = tmp_path / "m.py"
    path.write_text(CODE, encoding="utf-8")
    (record,) = PythonCode().read(Source(path, "m.py", 1))
    assert isinstance(record, Record)
    whole = "class Box:\n    pass\n\nclass Tool:\n    size = 3\n\n"
    assert record.text == f"{whole}    async def use(self, thing='#'):\n        return f'用 {{thing}}'\n"
    assert record.meta == {"source": "m.py", "kind": "code"}


def test_what_is_no_python_is_rejected_and_nothing_but_words_gives_nothing(tmp_path):
    bad, words = tmp_path / "bad.py", tmp_path / "words.py"
    bad.write_text("def (:\n")
    words.write_text('"""Only this."""\n# and this\n')
    (reject,) = PythonCode().read(Source(bad, "bad.py", 1))
    assert isinstance(reject, Reject)
    assert reject.reason == "not Python"
    assert list(PythonCode().read(Source(words, "words.py", 1))) == []
