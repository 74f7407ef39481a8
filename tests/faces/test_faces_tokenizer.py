import json
from pathlib import Path

from verb_project import Call


def test_a_tokenizer_is_trained_and_looked_at(fresh: Path, call: Call) -> None:
    result = call("tokenizer", "train", "notes", "-o", "tok", "--set", "vocab_size=384", "--workers", "1", "--quiet")
    assert result.exit_code == 0, result.output
    (made,) = (fresh / "tok").glob("tokenizer-*")
    assert "tokens to look at" in call("tokenizer", "lint", str(made)).stdout
    found = json.loads(call("tokenizer", "lint", str(made), "--json").stdout)
    assert {"id", "token", "reason", "count", "detail"} == set(found[0])
    checks = json.loads(call("tokenizer", "verify", str(made), "notes", "--json").stdout)
    assert not {item["name"]: item["refused"] for item in checks}["compiled"]


def test_what_is_wrong_is_said(fresh: Path, call: Call) -> None:
    assert "tokenizer takes [train FILES" in call("tokenizer", "teach", "notes").stderr
    assert "needs a folder for the results" in call("tokenizer", "train", "notes").stderr
    assert "there is no tokenizer 'nowhere'" in call("tokenizer", "lint", "nowhere").stderr
    assert "is no tokenizer that is known here" in call("tokenizer", "lint", "mine.toml").stderr
    assert "there are no texts" in call("tokenizer", "compare", "tokenizer.json", "-o", "out").stderr
