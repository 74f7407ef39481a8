import doctest
from pathlib import Path

CHAPTER = Path(__file__).parents[2] / "docs" / "handbook" / "tokenization.md"


def test_what_the_chapter_says_is_so():
    failed, tried = doctest.testfile(str(CHAPTER), module_relative=False)
    assert (failed, tried > 5) == (0, True)
