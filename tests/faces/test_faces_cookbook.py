"""The recipes that come with lmloop run on a user's folder, and the cookbook says what is there."""

import json
import re
import shlex
from pathlib import Path

import pytest
from verb_project import Call

from lmloop.core.listing import names
from lmloop.faces.recipes import shipped
from lmloop.nn.inference.tiny import write_tiny

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("fineweb-like", "chinese-corpus", "chat-data")
ENGLISH = "The people of the town have been with us, and that is all that we know to be true of the sea. "
CHINESE = "我们在海边走了很久，天气不好，但是大家都有自己的想法和目标，没有人要回去。"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pages and conversations, and the current one."""
    for name, text in (("pages", ENGLISH), ("网页", CHINESE)):
        (tmp_path / name).mkdir()
        for i in range(3):
            lines = [f"{text}{i}{j} {text}" for j in range(4)]
            (tmp_path / name / f"{i}.txt").write_text("\n".join(lines), encoding="utf-8")
    rows = [{"prompt": [{"role": "user", "text": f"{ENGLISH}{i}?"}], "text": f"{ENGLISH}{i}!"} for i in range(3)]
    chats = "\n".join(json.dumps(row) for row in rows)
    (tmp_path / "chats.jsonl").write_text(chats, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(page: str) -> list[str]:
    text = (DOCS / "cookbook" / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(folder: Path, call: Call, page: str) -> None:
    assert commands(page)
    for line in commands(page):
        words = shlex.split(line)
        result = call(*words[1:], *(["--workers", "1"] if words[1] == "run" else []))
        assert result.exit_code == 0, result.output
    assert list(folder.glob("runs/report-*/report.html"))


@pytest.mark.parametrize("name", shipped())
def test_every_recipe_plans(folder: Path, call: Call, name: str) -> None:
    files = "chats.jsonl" if name == "chat-data" else "pages"
    takes_files = "files =" in shipped()[name].read_text(encoding="utf-8")
    sets = ["--set", f'raw.reader.files=["{files}"]'] if takes_files else []
    if name == "real-model":
        place = folder / "models" / "smollm2"
        place.mkdir(parents=True)
        write_tiny(place)
    result = call("plan", name, *sets)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_ops_that_the_recipe_has(page: str) -> None:
    text = (DOCS / "cookbook" / f"{page}.md").read_text(encoding="utf-8")
    named = {op for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for op in re.findall(r"`([^`]+)`", row)}
    recipe = shipped()[page].read_text(encoding="utf-8")
    assert all(f'"{op}"' in recipe for op in named)


def test_the_table_of_operators_names_what_there_is() -> None:
    table = re.findall(r"^\| (.+?) \| (.+?) \|", (DOCS / "operators.md").read_text(encoding="utf-8"), re.MULTILINE)
    known = {name for kind in ("ops", "readers", "stages") for name in names(kind)}
    ours = {name for _, column in table for name in re.findall(r"`([^`]+)`", column)}
    assert len(table) > 60
    assert ours - known == set()
