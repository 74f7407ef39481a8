from lmloop.core.reader import Source
from lmloop.core.record import Record
from lmloop.readers.python_questions import PythonQuestions

CODE = '''"""Tools for counting and sorting of all kinds."""

class Box:
    """A box that holds things for a while."""

    def open(self):
        """Open the box, and keep it open. Nothing else happens."""

    def close(self):
        """close it, in small letters: no sentence begins so"""

def pack(things):
    """Pack all things into one box, the largest
    first. It is slow.
    """

def _hidden():
    """Nobody should ever ask for this function."""

def unpack(box):
    """Take everything out of a box again."""
'''


def records(tmp_path, **settings) -> list[Record]:
    path = tmp_path / "tools.py"
    path.write_text(CODE)
    found = list(PythonQuestions(**settings).read(Source(path, "packages/boxes/tools.py", 1)))
    assert all(isinstance(each, Record) for each in found)
    return found


def test_a_question_is_answered_by_the_first_sentence(tmp_path):
    found = records(tmp_path)
    said = {record.prompt[0].text: record.text for record in found}
    assert said == {
        "What is the module `boxes.tools` about?": "Tools for counting and sorting of all kinds.",
        "What is the class `Box` of `boxes.tools` for?": "A box that holds things for a while.",
        "What does the function `Box.open` of `boxes.tools` do?": "Open the box, and keep it open.",
        "What does the function `pack` of `boxes.tools` do?": "Pack all things into one box, the largest first.",
        "What does the function `unpack` of `boxes.tools` do?": "Take everything out of a box again.",
    }
    assert {record.meta["task"] for record in found} == {"module", "class", "function"}


def test_the_test_asks_to_choose_among_answers_of_the_same_file(tmp_path):
    found = records(tmp_path, part="test", choices=3)
    assert len(found) == 3  # of one class and one module there is nothing to choose from
    right = {record.text for record in records(tmp_path) if record.meta["task"] == "function"}
    for record in found:
        assert set(record.choices) == right
        assert record.answer is not None
    answers = {record.prompt[0].text: record.choices[record.answer or 0] for record in found}
    assert answers["What does the function `unpack` of `boxes.tools` do?"] == "Take everything out of a box again."
    assert found == records(tmp_path, part="test", choices=3)


def test_no_file_is_in_both_parts(tmp_path):
    train = {source.name for source in PythonQuestions(packages=["click"]).sources(tmp_path)}
    test = {source.name for source in PythonQuestions(packages=["click"], part="test").sources(tmp_path)}
    assert not train & test
    assert 5 < len(train) / len(test) < 20
