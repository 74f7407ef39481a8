"""A part: anything that a recipe can name. Its fields are its settings.

A part's name is the name of its file: ``use = "gopher-quality"`` finds ``ops/gopher_quality.py``,
which defines exactly one public :class:`Part`. There is no table to edit. Listing imports nothing; a
part's module is imported when the part is built. Parts come from three places, with one contract:

1. the package: a file in ``ops/``, ``readers/``, ``models/``, ``tasks/``, ``methods/`` or ``stages/``;
2. a file beside the recipe: ``use = "./my_ops/no_shouting.py"``;
3. an installed package with an entry point in the group ``lmloop.ops`` (``lmloop.readers``, ...).
"""

import hashlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from lmloop.core.errors import PartError, RecipeError, closest
from lmloop.core.listing import names, own_names
from lmloop.core.outside import OutsideFile, resolve

FILE = re.compile(r"(?P<file>.+\.py)(?:#(?P<digest>[0-9a-f]{12}))?", re.DOTALL)
"""A part in a file beside the recipe; with the digest of its source where it must be that very source."""


class Part(BaseModel):
    """A frozen bundle of settings; one method does the work, the constructor does nothing.

    ``version`` is raised when the same settings begin to give other results: it is part of the name
    of everything that the part makes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: ClassVar[int] = 1

    @classmethod
    def name(cls) -> str:
        """Give the name that people see: that of the file which defines the part, the same on every machine."""
        file = _file(cls)
        entry: str | None = getattr(sys.modules[cls.__module__], "__lmloop_entry__", None)
        return entry or (Path(file).stem if file else cls.__module__.rpartition(".")[2]).replace("_", "-")

    def spec(self) -> dict[str, Any]:
        """Give what :func:`build` needs to make this part again, in this or another process.

        A part from a file beside a recipe is made again only while that file holds the same source.
        """
        file = _file(type(self))
        use = f"{file}#{type(self).__module__.rpartition('_')[2]}" if file else self.name()
        return {"use": use, **{name: _plain(getattr(self, name), "spec") for name in self.fields()}}

    def identity(self) -> dict[str, Any]:
        """Give what tells this part's results from another's: name, version and settings.

        A part from a file beside a recipe is named by the file's name and a digest of its source, so
        that it means the same on another machine and something else once it is edited.
        """
        settings = {name: _plain(getattr(self, name), "identity") for name in self.fields()}
        return {"use": _portable_name(type(self)), "version": self.version, **settings}

    @classmethod
    def fields(cls) -> list[str]:
        """List the settings."""
        return list(cls.model_fields)

    @classmethod
    def example(cls) -> Self:
        """Give a small one to try: what the battery in :mod:`lmloop.testing` tests.

        A part with settings that have no default says here how it can be tried without a file or a network.
        """
        return cls()


def find(kind: str, name: str) -> type[Part]:
    """Find the one part that the file called ``name`` defines.

    Raises:
        PartError: no such part, two of that name, or a file that defines none or several.
    """
    file = FILE.fullmatch(name)
    module = _load_file(file["file"], file["digest"]) if file else _load_named(kind, name)
    parts = [
        part
        for _, part in inspect.getmembers(module, inspect.isclass)
        if issubclass(part, Part) and part.__module__ == module.__name__ and not part.__name__.startswith("_")
    ]
    if len(parts) != 1:
        found = ", ".join(part.__name__ for part in parts) or "none"
        raise PartError(
            f"{module.__file__} must define exactly one part, but defines: {found}",
            hint="give helpers a leading underscore, or a file of their own",
        )
    return parts[0]


def build(kind: str, spec: "Mapping[str, Any] | str | Part") -> Part:
    """Make a part from what a recipe says of it: a name, or a table with ``use`` and settings.

    Raises:
        PartError: it cannot be found.
        RecipeError: a setting is unknown, missing or of the wrong type.
    """
    if isinstance(spec, Part):
        return spec
    if not isinstance(spec, str | Mapping):
        raise RecipeError(f"{kind}: expected a name or a table, got {spec!r}")
    settings = {"use": spec} if isinstance(spec, str) else dict(spec)
    name = settings.pop("use", None)
    if not isinstance(name, str) or not name:
        raise RecipeError(f"{kind}: each needs a name, got {spec!r}", hint='write { use = "NAME", ... }')
    part = find(kind, name)
    what = f"{kind.removesuffix('s')} {name!r}"
    try:
        return part(**{str(key): value for key, value in settings.items()})
    except ValidationError as bad:
        raise _explain(what, part, bad) from None
    except RecursionError:
        raise RecipeError(f"{what}: its settings are nested too deep") from None


def _load_named(kind: str, name: str) -> ModuleType:
    # names are looked for among the files and not tried: "__init__" can be imported, but is no part
    if name.replace("_", "-") in own_names(kind):
        return import_module(f"lmloop.{kind}.{name.replace('-', '_')}")
    # scanning entry points costs tens of milliseconds: only for names that are not ours
    plugins = list(metadata.entry_points(group=f"lmloop.{kind}", name=name))
    if len(plugins) > 1:
        homes = ", ".join(plugin.value for plugin in plugins)
        raise PartError(f"several packages offer a {kind.removesuffix('s')} {name!r}: {homes}")
    if not plugins:
        raise PartError(f"there is no {kind.removesuffix('s')} called {name!r}", hint=closest(name, names(kind)))
    with _loading(f"{name!r} of {plugins[0].value}"):
        module = import_module(plugins[0].module)
    module.__dict__["__lmloop_entry__"] = name
    return module


def _load_file(name: str, wanted: str | None) -> ModuleType:
    """Load the source of a file; ``wanted`` is the digest that it must have, where it was loaded before."""
    path = resolve(name)
    module_name = f"lmloop_beside_{path.stem}_{wanted}"
    if wanted is not None and module_name in sys.modules:
        return sys.modules[module_name]
    try:
        source = path.read_bytes()
    except (OSError, ValueError) as bad:
        raise PartError(f"cannot read the part {name!r}: {getattr(bad, 'strerror', None) or bad}") from None
    path = path.resolve()
    digest = hashlib.blake2b(source, digest_size=6).hexdigest()
    if wanted not in (None, digest):
        raise PartError(f"{path.name} was changed while it was in use", hint="run it again: its key is another now")
    module_name = f"lmloop_beside_{path.stem}_{digest}"
    if module_name in sys.modules:
        # the same source in another place: that one is there for sure
        sys.modules[module_name].__dict__["__lmloop_file__"] = str(path)
        return sys.modules[module_name]
    module = ModuleType(module_name)
    module.__dict__.update(__file__=str(path), __lmloop_file__=str(path))
    sys.modules[module_name] = module
    try:
        with _loading(repr(name)):
            # the very source that has this digest, and no older one that Python has kept
            exec(compile(source, str(path), "exec"), module.__dict__)
    except PartError:
        del sys.modules[module_name]
        raise
    return module


@contextmanager
def _loading(what: str) -> Iterator[None]:
    try:
        yield
    except (Exception, SystemExit) as bad:
        raise PartError(f"the part {what} does not load: {type(bad).__name__}: {bad}") from bad


def _file(part: type[Part]) -> str | None:
    """Give the file of a part from beside a recipe; None for one from a package."""
    file: str | None = getattr(sys.modules[part.__module__], "__lmloop_file__", None)
    return file


def _portable_name(part: type[Part]) -> str:
    return part.__module__.removeprefix("lmloop_beside_") if _file(part) else part.name()


def _plain(value: Any, dump: Literal["spec", "identity"]) -> Any:
    if isinstance(value, Part):
        return value.spec() if dump == "spec" else value.identity()
    if isinstance(value, OutsideFile) and dump == "identity":
        return value.identity()
    if isinstance(value, Mapping):
        return {str(key): _plain(item, dump) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [_plain(item, dump) for item in value]
        return sorted(items) if isinstance(value, set | frozenset) else items
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _explain(what: str, part: type[Part], bad: ValidationError) -> RecipeError:
    lines, hint = [], ""
    for error in bad.errors():
        place = ".".join(str(item) for item in error["loc"])
        if error["type"] == "extra_forbidden":
            lines.append(f"unknown setting {place!r}")
            hint = hint or closest(place, part.fields())
        elif error["type"] == "missing":
            lines.append(f"setting {place!r} is missing")
        else:
            got = repr(error["input"])
            got = got if len(got) <= 100 else f"{got[:97]}..."
            lines.append(f"{place}: {error['msg']}, got {got}" if place else error["msg"])
    return RecipeError(f"{what}: {'; '.join(lines)}", hint=hint)
