"""A part is its settings, wherever it comes from: the package, a file beside the recipe, another package."""

import subprocess
import sys
from pathlib import Path

import pytest

from lmloop.core.errors import PartError, RecipeError
from lmloop.core.listing import KINDS, described, names
from lmloop.core.op import Op
from lmloop.core.part import build, find

OP = '''"""An op beside a recipe."""

from lmloop import Map


class Shout(Map):
    """Say it {much} louder."""

    times: int = 1

    def change(self, batch):
        return batch
'''


def test_a_name_is_that_of_a_file() -> None:
    assert find("ops", "gopher-quality").__module__ == "lmloop.ops.gopher_quality"
    assert find("ops", "gopher_quality").name() == "gopher-quality"
    assert find("stages", "curate").name() == "curate"


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_listed_is_found_and_described(kind: str) -> None:
    for name, line in described(kind).items():
        assert find(kind, name).name() == name
        assert line


def test_listing_imports_no_part() -> None:
    code = (
        "import sys; from lmloop.core.listing import KINDS, described\n"
        "[described(kind) for kind in KINDS]\n"
        "sys.exit(any(m.startswith(('lmloop.ops.', 'lmloop.stages.', 'numpy')) for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_part_beside_the_recipe_is_named_by_its_source(tmp_path: Path) -> None:
    path = tmp_path / "shout.py"
    path.write_text(OP.format(much="much"))
    part = build("ops", {"use": str(path), "times": 2})
    assert isinstance(part, Op)
    assert (part.name(), part.spec()["times"]) == ("shout", 2)
    assert build("ops", part.spec()) == part
    before = part.identity()
    assert str(tmp_path) not in str(before)
    path.write_text(OP.format(much="far"))
    assert build("ops", str(path)).identity()["use"] != before["use"]
    with pytest.raises(PartError, match=r"shout.py was changed while it was in use"):
        build("ops", {**part.spec(), "use": part.spec()["use"].replace("#", "#0")[:-1]})


def test_a_part_of_another_package_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "louder.py").write_text(OP.format(much="much"))
    info = tmp_path / "louder-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: louder\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lmloop.ops]\nshout-loud = louder\nbroken = nowhere_at_all\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "shout-loud" in names("ops")
    assert described("ops")["shout-loud"] == "from louder"
    part = build("ops", {"use": "shout-loud", "times": 3})
    assert part.name() == "shout-loud"
    assert build("ops", part.spec()) == part
    with pytest.raises(PartError, match=r"nowhere_at_all does not load|does not load"):
        find("ops", "broken")


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        ("gopher-qualty", "there is no op called 'gopher-qualty'", "gopher-quality"),
        ({"use": "length", "min_character": 3}, "unknown setting 'min_character'", "min_characters"),
        ({"use": "length", "min_characters": "many"}, "min_characters: Input should be a valid integer", ""),
        ({"min": 3}, "each needs a name", "use ="),
        (7, "expected a name or a table", ""),
        ("__init__", "there is no op called '__init__'", ""),
        ("./nowhere.py", "cannot read the part './nowhere.py'", ""),
    ],
)
def test_a_mistake_is_one_message(spec: object, message: str, hint: str) -> None:
    with pytest.raises((PartError, RecipeError)) as wrong:
        build("ops", spec)  # type: ignore[arg-type]
    assert message in wrong.value.message
    assert hint in wrong.value.hint


@pytest.mark.parametrize("source", ["x = 1\n", OP.format(much="") + OP.format(much="").replace("Shout", "Other")])
def test_a_file_defines_one_part(tmp_path: Path, source: str) -> None:
    (tmp_path / "many.py").write_text(source)
    with pytest.raises(PartError, match="must define exactly one part"):
        find("ops", str(tmp_path / "many.py"))


def test_settings_cannot_be_changed() -> None:
    part = build("ops", "length")
    with pytest.raises(ValueError, match="frozen"):
        part.min_characters = 7  # type: ignore[attr-defined]
