"""Weights: an artifact that says which back-end opens it, so that whoever evaluates or talks need not know."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, SerializeAsAny

from lmloop.core.card import CARD, Card
from lmloop.core.content import files_digest
from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.lineage import RUN, find_part
from lmloop.core.listing import names
from lmloop.core.model import Model
from lmloop.core.part import Part, build, find

MODEL = "model.json"
"""The file in a folder of weights that names the model: what a recipe would say of it, but for its folder."""

HOLDS = (".json", ".safetensors", ".bin", ".model", ".jinja", ".txt", ".tiktoken")
"""How the names of files end that a model is made of: weights, settings, tokenizer and template."""

OUTSIDE = (".json", ".safetensors", ".jinja")
"""Those that tell weights apart which a step reads and no step made."""


def weights_digest(folder: Path) -> str:
    """Give a digest of what a folder of weights holds, wherever it lies; what was read once is not read again.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"there is no model in {folder}", hint="name a folder with weights")
    return files_digest(path for path in folder.iterdir() if path.suffix in HOLDS and path.name != CARD)


def outside_weights(
    folders: Sequence[Path], digest: Callable[[Path], str], endings: Sequence[str] = OUTSIDE
) -> dict[str, Any] | None:
    """Say for a step's ``outside`` what folders of weights hold that no step made; None if there are no folders.

    ``digest`` is that of one file. A folder that is not there has no files.
    """
    paths = [path for folder in folders for path in sorted(folder.glob("*")) if path.suffix in endings]
    whole = hashlib.blake2b("".join(f"{path.name} {digest(path)}\n" for path in paths).encode(), digest_size=16)
    return {"files": len(paths), "digest": whole.hexdigest()} if folders else None


def write_model(folder: Path, spec: Mapping[str, Any]) -> None:
    """Say which model opens the weights of a folder: without its setting ``folder``, or with a ``file`` in it."""
    with draft(folder / MODEL) as place:
        place.write_text(json.dumps(dict(spec), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def open_model(folder: Path) -> Model:
    """Open the model whose weights lie in a folder.

    Raises:
        DataError: the folder holds no weights.
        PartError: the back-end cannot be found.
    """
    return cast(Model, build("models", model_spec(folder)))


def model_spec(folder: Path) -> dict[str, Any]:
    """Read what a recipe would say of the model whose weights lie in a folder.

    Raises:
        DataError: the folder holds no weights.
    """
    try:
        said: dict[str, Any] = json.loads((folder / MODEL).read_text(encoding="utf-8"))
        # a back-end opens a folder, or one file in it
        return said | ({"file": str(folder / said["file"])} if "file" in said else {"folder": str(folder)})
    except (OSError, ValueError, TypeError) as bad:
        raise DataError(
            f"{folder} holds no weights: {bad}", hint="name the folder of a step that makes weights"
        ) from None


def model(spec: "str | Mapping[str, Any] | Part") -> Model:
    """Make a model from its name: a back-end's, then after a colon what it opens.

    ``toy``, ``lmloop:FOLDER``, ``transformers:FOLDER``, ``gguf:FILE``, ``openai:MODEL@URL``; or what a recipe says
    of it in a table. What the part after the colon means is up to the back-end's ``named``; without one it is the
    setting ``folder``.

    Raises:
        PartError: there is no such back-end.
        RecipeError: a setting is wrong.
    """
    if isinstance(spec, str) and not spec.startswith((".", "/")) and ":" in spec:
        use, _, place = spec.partition(":")
        named = getattr(find("models", use), "named", None)
        spec = {"use": use, **(named(place) if named is not None else {"folder": place})}
    return cast(Model, build("models", spec))


def named_model(name: str, home: Path) -> Model:
    """Open the model that a person means: a run (``run:STEP``, or the bare name of one), or what :func:`model` takes.

    One of several models of a run is ``run:STEP/NAME``. A folder of weights and a ``.gguf`` file may be named as they
    are.

    Raises:
        DataError: there is no such run, or it made no weights.
        PartError: there is no such back-end.
    """
    place = Path(name)
    if place.suffix == ".gguf" and place.is_file():
        return model(f"gguf:{name}")
    if (place / MODEL).is_file():
        return open_model(place)
    if (place / "config.json").is_file():
        return model({"use": "lmloop", "folder": name})
    back_end = name.partition(":")[0]
    if not name.startswith(RUN) and (":" in name or back_end in names("models")):
        return model(name)
    folder, part = find_part(home, name)
    card = Card.read(folder)
    if card.makes != "weights":
        raise DataError(f"{folder.name} holds {card.makes}, not weights", hint="name a step that makes weights")
    if not part and not (folder / MODEL).is_file() and (parts := parts_of(folder)):
        raise DataError(f"{folder.name} holds several models", hint=f"name one: {', '.join(parts)}")
    return open_model(folder / part)


def parts_of(folder: Path) -> list[str]:
    """Name the models that lie beside each other in a run's folder, as people name them."""
    return [f"{RUN}{folder.name}/{path.parent.name}" for path in sorted(folder.glob(f"*/{MODEL}"))]


AnyModel = Annotated[SerializeAsAny[Part], BeforeValidator(model)]
"""A setting that holds a model: a recipe gives its name, or a table with ``use``."""
