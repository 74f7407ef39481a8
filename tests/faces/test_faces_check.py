import json
from pathlib import Path

from verb_project import Call

from lmloop.faces import machine


def test_the_machine(fresh: Path, call: Call) -> None:
    result = call("check")
    assert result.exit_code == 0, result.output
    for part in ("python", "packages", "pyarrow", "home", "cores", "memory", "disk", "kernels"):
        assert part in result.stdout
    assert {row["name"] for row in json.loads(call("check", "--json").stdout)} >= {"python", "home"}
    assert not (fresh / "runs").exists()


def test_what_is_missing_comes_with_what_installs_it(fresh: Path, call: Call, monkeypatch: object) -> None:
    requires = ["click>=8", "nothing-of-this-name>=1", 'torch-of-no-name; extra == "train"', 'click; extra == "web"']
    monkeypatch.setattr(machine.metadata, "requires", lambda name: requires)  # type: ignore[attr-defined]
    result = call("check")
    assert result.exit_code == 1
    assert "pip install nothing-of-this-name" in result.stdout
    assert "pip install 'lmloop[train]'" in result.stdout
    assert "lmloop[web]" not in result.stdout


def test_a_whole_run(project: Path, call: Call) -> None:
    result = call("check", "clean")
    assert result.exit_code == 0
    assert "every digest is right" in result.stdout


def test_a_changed_byte_is_found(project: Path, call: Call) -> None:
    path = next(project.glob("runs/clean-*/data/*.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    result = call("check", "clean")
    assert result.exit_code == 2
    assert "content differs: data/00000.parquet" in result.stderr


def test_a_recipe(fresh: Path, call: Call) -> None:
    assert "is right: 3 steps, raw, clean, report" in call("check", "recipe", "mine.toml").stdout


def test_a_part(fresh: Path, call: Call) -> None:
    assert "passes" in call("check", "part", "length", "--kind", "ops", "--set", "min_characters=5").stdout
    assert "unknown setting 'min'" in call("check", "part", "length", "--set", "min=5").stderr
    assert "there is no part called 'lenght'" in call("check", "part", "lenght").stderr


def test_a_bad_part_is_told_in_a_sentence(fresh: Path, call: Call) -> None:
    assert call("new", "op", "bad").exit_code == 0
    path = fresh / "bad.py"
    path.write_text(path.read_text().replace("share > self.max_capitals", "np.arange(len(share)) > 3"))
    result = call("check", "part", "bad.py")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: the battery fails: ")
    assert "with the rows cut at" in result.stderr


def test_a_part_that_needs_settings_says_so(fresh: Path, call: Call) -> None:
    result = call("check", "part", "curate")
    assert result.exit_code in (0, 2)
    assert result.exit_code == 0 or "without a default: ops" in result.stderr


def test_check_with_too_much(fresh: Path, call: Call) -> None:
    result = call("check", "part", "a", "b")
    assert result.exit_code == 2
    assert "check takes [RUN | part NAME | recipe FILE]" in result.stderr
