from pathlib import Path

from verb_project import Call


def test_run_tells_steps_on_stderr_and_findings_on_stdout(fresh: Path, call: Call) -> None:
    result = call("run", "mine.toml", "--workers", "1")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("made  ") == 3
    assert "made" not in result.stdout
    assert "Where the documents went" in result.stdout
    page = result.stdout.rpartition("report  ")[2].strip()
    assert (fresh / page).is_file()


def test_a_second_run_keeps_everything(project: Path, call: Call) -> None:
    result = call("run", "mine.toml")
    assert result.stderr.count("kept  ") == 3
    assert "nothing to do" in result.stderr
    assert "Where the documents went" not in result.stdout


def test_summary_shows_kept_steps(project: Path, call: Call) -> None:
    assert "Where the documents went" in call("run", "mine.toml", "--summary").stdout


def test_until_stops_early(fresh: Path, call: Call) -> None:
    assert call("run", "mine.toml", "--until", "raw").exit_code == 0
    assert [path.name.partition("-")[0] for path in fresh.glob("runs/*-*")] == ["raw"]


def test_quiet_prints_only_the_last_folder(project: Path, call: Call) -> None:
    result = call("run", "mine.toml", "--quiet")
    assert result.stderr == ""
    assert (project / result.stdout.strip() / "report.html").is_file()


def test_set_reaches_a_part_in_a_list(project: Path, call: Call) -> None:
    result = call("run", "mine.toml", "--set", "clean.ops.length.min_characters=1", "--workers", "1")
    assert result.exit_code == 0, result.output
    assert "kept  raw" in result.stderr
    assert "4 records" in result.stderr


def test_workers_do_not_change_the_result(project: Path, call: Call) -> None:
    before = call("run", "mine.toml", "--quiet").stdout
    assert call("run", "mine.toml", "--home", "other", "--workers", "2").exit_code == 0
    assert (project / "other" / Path(before.strip()).name / "run.json").is_file()


def test_home_may_be_anywhere(fresh: Path, call: Call) -> None:
    assert call("run", "mine.toml", "--home", "deep/er", "--until", "raw").exit_code == 0
    assert list(fresh.glob("deep/er/raw-*/run.json"))


def test_memory_is_read_with_its_unit(project: Path, call: Call) -> None:
    for amount in ("512MB", "1.5GiB", "2g", "1000000000"):
        assert call("run", "mine.toml", "--memory", amount).exit_code == 0
    result = call("run", "mine.toml", "--memory", "much")
    assert (result.exit_code, result.stderr.partition("\n")[0]) == (
        2,
        "error: invalid value for '--memory': 'much' is not an amount of memory: write 2GB or 512MB",
    )
