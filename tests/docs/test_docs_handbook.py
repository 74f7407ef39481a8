"""The handbook is so: its code runs, and prints what stands below it."""

import contextlib
import io
import re
from pathlib import Path

import pytest

HANDBOOK = Path(__file__).parents[2] / "docs" / "handbook"
CHAPTERS = [HANDBOOK / f"{name}.md" for name in ("adapters", "attention", "optimizers")]
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n+^```text\n(?P<output>.*?)^```", re.MULTILINE | re.DOTALL)
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_prints_what_it_says(chapter):
    names: dict[str, object] = {}
    blocks = list(BLOCK.finditer(chapter.read_text(encoding="utf-8")))
    assert len(blocks) == chapter.read_text(encoding="utf-8").count("```python")
    for block in blocks:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(block["code"], str(chapter), "exec"), names)
        assert printed.getvalue() == block["output"], block["code"]
