from pathlib import Path

from verb_project import Call


def test_folders_and_files_of_several_formats(fresh: Path, call: Call) -> None:
    result = call("curate", "notes", "rows.jsonl", "-o", "corpus", "--ops", "unicode,exact", "--workers", "1")
    assert result.exit_code == 0, result.output
    for step in ("raw", "clean", "report"):
        assert f"made  {step}-" in result.stderr
    assert "6 records" in result.stderr


def test_settings_of_an_op_and_of_a_step(fresh: Path, call: Call) -> None:
    sets = ["--set", "length.min_characters=3", "--set", "jsonl.text=content"]
    result = call("curate", "rows.jsonl", "-o", "corpus", "--ops", "length", *sets, "--workers", "1")
    assert result.exit_code == 0, result.output
    assert "其他字段" in call("show", "clean", "--home", "corpus", "--rows", "5").stdout


def test_the_default_ops_are_there(fresh: Path, call: Call) -> None:
    result = call("curate", "notes", "-o", "corpus", "--workers", "1")
    assert result.exit_code == 0, result.output
    assert "minhash" in result.stdout


def test_what_cannot_be_read(fresh: Path, call: Call) -> None:
    assert "there is no file or folder 'nowhere'" in call("curate", "nowhere", "-o", "c").stderr
    assert "did you mean 'exact'" in call("curate", "notes", "-o", "c", "--ops", "unicode,exat").stderr
    assert "no ops are given" in call("curate", "notes", "-o", "c", "--ops", " , ").stderr
