"""`lmloop eval` prints scores, `lmloop board` serves them, and mistakes are one message."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from verb_project import Call

from lmloop.core.progress import Silent
from lmloop.faces.board_server import Shown, open_server
from lmloop.stages.leaderboard import told
from lmloop.stages.leaderboard.gathering import gather


@pytest.fixture
def scores(fresh: Path, call: Call) -> Path:
    result = call("eval", "toy", "--tasks", "spelling", "--quiet")
    assert result.exit_code == 0, result.output
    return fresh / result.stdout.strip()


@pytest.fixture
def address(scores: Path) -> Iterator[str]:
    board = gather([scores])
    server = open_server(Shown("板", board, told(board, Silent())), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_scores_are_printed_for_people_and_for_programs(fresh: Path, call: Call) -> None:
    shown = call("eval", "toy", "--tasks", "spelling")
    assert "spelling  acc" in shown.stdout
    assert "lmloop board scores-" in shown.stdout
    found = json.loads(call("eval", "toy", "--tasks", "spelling", "--json").stdout)
    assert found["scores"][0]["n"] == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["toy", "--tasks", "speling"], "there is no task called 'speling'"),
        (["nowhere", "--tasks", "spelling"], "there is no run 'nowhere'"),
        (["nothing:x", "--tasks", "spelling"], "there is no model called 'nothing'"),
        (["toy", "--tasks", "spelling", "--shots", "3"], "--shots means nothing to spelling"),
        (["toy", "--tasks", "mmlu", "--data", "notes"], "there is no data of 'mmlu'"),
    ],
)
def test_mistakes_are_one_message(fresh: Path, call: Call, arguments: list[str], message: str) -> None:
    result = call("eval", *arguments)
    assert result.exit_code
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_the_board_is_served_and_asked_for_items(address: str) -> None:
    with urlopen(address) as page:
        assert '<h1 dir="auto">板</h1>' in page.read().decode()
    with urlopen(f"{address}/api/items?column=spelling&model=toy&which=right&count=2") as answer:
        found = json.load(answer)
    assert len(found["items"]) == 2
    record, toy = found["items"][0]["record"], quote('["toy"]')
    with urlopen(f"{address}/api/item?column=spelling&record={record}&models={toy}") as answer:
        assert json.load(answer)[0]["value"] == 1.0


def test_what_is_asked_wrongly_is_told_and_foreign_names_are_refused(address: str) -> None:
    with pytest.raises(HTTPError) as wrong:
        urlopen(f"{address}/api/items?column=spelling&model=nobody")
    assert "has no score" in json.load(wrong.value)["error"]
    wrong.value.close()
    with pytest.raises(HTTPError) as wrong:
        urlopen(f"{address}/api/item?column=spelling&models=5")
    assert "a list of names" in json.load(wrong.value)["error"]
    wrong.value.close()
    for request in (Request(address, headers={"Host": "evil.example:80"}), Request(f"{address}/etc/passwd")):
        with pytest.raises(HTTPError) as refused:
            urlopen(request)
        assert refused.value.code in (403, 404)
        refused.value.close()


def test_a_board_is_written_into_files(scores: Path, call: Call) -> None:
    for name in ("b.html", "b.md", "b.csv", "b.json"):
        assert call("board", "--write", name).exit_code == 0
        assert Path(name).stat().st_size > 50
    assert "says no form" in call("board", "--write", "b.xyz").stderr
