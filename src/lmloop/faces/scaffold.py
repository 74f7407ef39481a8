"""Write a new part, its test and its page from templates."""

import keyword
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from lmloop.core.errors import LmloopError, PartError

FOLDERS = {"op": "ops", "reader": "readers", "task": "tasks", "model": "models", "stage": "stages"}
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
RUNNING = Path(__file__).resolve().parents[3]
"""The root of the checkout that this code is in, if it is in one."""


@dataclass(frozen=True, slots=True)
class Plot:
    """Where a new part goes: beside a recipe, or into a checkout of lmloop."""

    kind: str
    name: str
    root: Path
    in_checkout: bool

    @classmethod
    def choose(cls, kind: str, name: str, folder: Path | None) -> "Plot":
        """Choose the place: the folder given, else where parts of a checkout live, else the current folder.

        Raises:
            PartError: the name is none for a part.
        """
        template = _template(f"{kind}.txt") + _template(f"test_{kind}.txt")
        if not NAME.fullmatch(name) or keyword.iskeyword(name.replace("-", "_")):
            raise PartError(f"{name!r} is no name for a part", hint="use small letters, digits and -: no-shouting")
        if re.search(rf"\b{_class_name(name)}\b", template):
            taken = _class_name(name)
            raise PartError(f"the file of a new {kind} uses the name {taken} itself", hint="choose another name")
        in_checkout = folder is None and _is_checkout(Path.cwd())
        return cls(kind, name, folder or Path(), in_checkout)

    @property
    def module(self) -> str:
        """The name of the file, without its ending."""
        return self.name.replace("-", "_")

    @property
    def part(self) -> Path:
        """The part's file."""
        inside = f"src/lmloop/{FOLDERS[self.kind]}" if self.in_checkout else ""
        return self.root / inside / f"{self.module}.py"

    @property
    def test(self) -> Path:
        """The test's file."""
        inside = f"tests/{FOLDERS[self.kind]}" if self.in_checkout else ""
        return self.root / inside / f"test_{self.module}.py"

    @property
    def page(self) -> Path:
        """The page that explains it."""
        if self.in_checkout:
            return self.root / "docs" / "reference" / f"{FOLDERS[self.kind]}.md"
        return self.root / f"{self.module}.md"

    def write(self) -> list[Path]:
        """Write the files, and give their names. Nothing that is there is overwritten.

        Raises:
            LmloopError: one of them is there.
        """
        texts = {self.part: self._fill(_template(f"{self.kind}.txt")), self.test: self._test()}
        own = [*texts] if self.in_checkout else [*texts, self.page]
        for path in own:
            if path.exists():
                raise LmloopError(f"{path} is there already", hint="choose another name or --dir")
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return [*texts, self._document()] if self._documents() else [*texts]

    def next_steps(self) -> str:
        """Say what to do next, in commands that work."""
        use = self.name if self.in_checkout else f"./{self.part.as_posix()}"
        check = f"{self.name} --kind {FOLDERS[self.kind]}" if self.in_checkout else self.part.as_posix()
        steps = [
            f"  python -m pytest {self.test.as_posix()}",
            f"  lmloop check part {check}",
            f'  name it in a recipe: {{ use = "{use}" }}',
        ]
        if self.part.is_absolute():
            steps[2] = f'  name it in a recipe: {{ use = "./{self.part.name}" }}, relative to the recipe'
        if self.in_checkout and not self._documents():
            steps.insert(0, "  python -m lmloop.faces.reference --write")
        return "\n".join(steps)

    def _fill(self, text: str) -> str:
        return text.replace("PartName", _class_name(self.name)).replace("part_name", self.module)

    def _test(self) -> str:
        """Give the test; beside a recipe it finds the part by its file, because it is in no package."""
        text = _template(f"test_{self.kind}.txt")
        if self.in_checkout:
            return self._fill(text)
        folder = FOLDERS[self.kind]
        imports, _, body = text.replace(
            f"from lmloop.{folder}.part_name import PartName", "from lmloop.core.part import find"
        ).partition("\n\n\n")
        head = "from pathlib import Path\n\n" + "\n".join(sorted(imports.splitlines()))
        found = f'PartName = find("{folder}", str(Path(__file__).with_name("part_name.py")))'
        return self._fill(f"{head}\n\n{found}\n\n\n{body}")

    def _documents(self) -> bool:
        """The reference describes the lmloop that is running: in another checkout, that one must write it."""
        return not self.in_checkout or self.root.resolve() == RUNNING

    def _document(self) -> Path:
        from lmloop.core.part import find
        from lmloop.faces.entries import part_entry

        if self.in_checkout:
            # a process of its own, because the reference knows the command line that we are called from
            command = [sys.executable, "-m", "lmloop.faces.reference", "--write"]
            subprocess.run(command, cwd=self.root, check=True, stdout=subprocess.DEVNULL)
        else:
            part = find(FOLDERS[self.kind], str(self.part.resolve()))
            self.page.write_text(part_entry(part, self.name, level=1), encoding="utf-8")
        return self.page


def _template(name: str) -> str:
    return (resources.files("lmloop.faces") / "templates" / name).read_text(encoding="utf-8")


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def _is_checkout(folder: Path) -> bool:
    project = folder / "pyproject.toml"
    return (folder / "src" / "lmloop").is_dir() and project.is_file() and 'name = "lmloop"' in project.read_text()
