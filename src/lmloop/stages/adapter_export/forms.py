"""The forms in which an adapter leaves: ``"merged"``, or ``{ use = "distilled", rank = 16 }``."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from lmloop.nn.tables import Table


class Merged(Table):
    """Whole weights in Hugging Face's form; ``task`` is whose, where experts are weighed by task."""

    use: Literal["merged"] = "merged"
    task: str = ""


class Gguf(Table):
    """Whole weights as one file for llama.cpp, of 32, 16 or 8 bits a weight."""

    use: Literal["gguf"] = "gguf"
    task: str = ""
    bits: Literal["f32", "f16", "q8_0"] = "f16"


class Expert(Table):
    """One expert as a LoRA; ``number`` counts from 0."""

    use: Literal["expert"] = "expert"
    number: int = Field(default=0, ge=0)


class Tasks(Table):
    """A LoRA for each task, each in a folder of its name, where experts are weighed by task."""

    use: Literal["tasks"] = "tasks"


class Distilled(Table):
    """The mean of the experts as one LoRA, cut to ``rank``."""

    use: Literal["distilled"] = "distilled"
    rank: int = Field(default=16, ge=1)


Form = Merged | Gguf | Expert | Tasks | Distilled
NAMES = tuple(str(form.model_fields["use"].default) for form in get_args(Form))


def _named(spec: Any) -> Any:
    said = {"use": spec} if isinstance(spec, str) else spec
    if isinstance(said, dict) and said.get("use") not in NAMES:
        raise ValueError(f"there is no form {said.get('use')!r}; there are {', '.join(NAMES)}")
    return said


AnyForm = Annotated[Annotated[Form, Field(discriminator="use")], BeforeValidator(_named)]
"""A setting that holds a form: a recipe names it, or gives a table with ``use``."""
