import json
from pathlib import Path

from verb_project import Call


def test_folders_and_files_of_several_formats(fresh: Path, call: Call) -> None:
    result = call("curate", "notes", "rows.jsonl", "-o", "corpus", "--ops", "unicode,exact", "--workers", "1")
    assert result.exit_code == 0, result.output
    for step in ("raw-text", "raw-jsonl", "clean", "report"):
        assert f"made  {step}-" in result.stderr
    assert "6 records" in result.stderr


def test_settings_of_an_op_and_of_a_step(fresh: Path, call: Call) -> None:
    sets = ["--set", "length.min_characters=3", "--set", "raw-jsonl.reader.text=content"]
    result = call("curate", "rows.jsonl", "-o", "corpus", "--ops", "length", *sets, "--workers", "1")
    assert result.exit_code == 0, result.output
    assert "其他字段" in call("show", "clean", "--home", "corpus", "--rows", "5").stdout


def test_the_default_ops_are_there(fresh: Path, call: Call) -> None:
    result = call("curate", "notes", "-o", "corpus", "--workers", "1")
    assert result.exit_code == 0, result.output
    assert "minhash" in result.stdout


def test_what_cannot_be_read(fresh: Path, call: Call) -> None:
    assert "there is no file or folder 'nowhere'" in call("curate", "nowhere", "-o", "c").stderr
    result = call("curate", "mine.toml", "-o", "c")
    assert "no reader for 'mine.toml'" in result.stderr
    assert "known endings: .txt" in result.stderr
    assert "did you mean 'exact'" in call("curate", "notes", "-o", "c", "--ops", "unicode,exat").stderr
    assert "no ops are given" in call("curate", "notes", "-o", "c", "--ops", " , ").stderr


def test_a_dry_run_writes_nothing_and_says_what_each_op_drops(fresh: Path, call: Call) -> None:
    before = sorted(fresh.rglob("*"))
    result = call("curate", "--dry-run", "notes", "rows.jsonl", "--ops", "unicode,length,exact")
    assert result.exit_code == 0, result.output
    assert sorted(fresh.rglob("*")) == before
    for part in (
        "A trial on a sample; nothing was written",
        "length",
        "4 (57.1%)",
        "exact will find more",
        "min_characters",
    ):
        assert part in result.stdout, part


def test_a_dry_run_as_json(fresh: Path, call: Call) -> None:
    found = json.loads(call("curate", "--dry-run", "notes", "--ops", "length,exact", "--json").stdout)
    assert found["documents"] == found["whole"]["files"] == 5
    assert {row["op"]: (row["alone"], row["only"], row["chain_dropped"]) for row in found["ops"]} == {
        "length": (2, 2, 2),
        "exact": (1, 1, 1),
    }
    [least] = [row for row in found["thresholds"] if row["setting"] == "length.min_characters"]
    assert (least["now"], least["drops"]) == (20.0, 0.4)


def test_a_dry_run_of_a_recipe_with_a_page(fresh: Path, call: Call) -> None:
    ops = ["--set", "clean.ops.length.min_characters=20"]
    result = call("curate", "--dry-run", "--recipe", "mine.toml", *ops, "--sample", "4", "--report", "trial.html")
    assert result.exit_code == 0, result.output
    assert "of about 5, from 4 of 5 files" in result.stdout
    page = (fresh / "trial.html").read_text(encoding="utf-8")
    for part in ("What each op drops, alone and in the chain", "length.min_characters", "What was dropped, and why"):
        assert part in page
    assert not (fresh / "runs").exists()


def test_the_ops_of_a_recipe_on_other_files(fresh: Path, call: Call) -> None:
    result = call("curate", "--dry-run", "rows.jsonl", "--recipe", "mine.toml")
    assert "2  of about 2" in result.stdout


def test_what_a_dry_run_cannot_do(fresh: Path, call: Call) -> None:
    assert "there is nothing to try on" in call("curate", "--dry-run").stderr
    (fresh / "only.toml").write_text('name = "x"\n[[step]]\nid = "raw"\nuse = "ingest"\nreader = "python-docs"\n')
    assert "the recipe curates nothing" in call("curate", "--dry-run", "--recipe", "only.toml", "--sample", "3").stderr
    assert "-o FOLDER is missing" in call("curate", "notes").stderr
