"""A model of our own: weights that a recipe made, or any folder in Hugging Face's form of Llama, Qwen2 or Qwen3."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.core.outside import resolve
from lmloop.nn.inference.folder import FolderModel

if TYPE_CHECKING:
    from lmloop.nn.inference.local import Local


class Lmloop(FolderModel):
    """Run a model in this process, on the GPU if there is one.

    ``folder`` holds ``config.json``, safetensors and the tokenizer. A conversation is put into its chat template;
    without one, the texts of a prompt's turns stand one behind the other, as a base model reads them. A prompt that is
    longer than the model's context loses its beginning. What prompts share is read once. ``rows`` replies are written
    side by side (0: what suits the device). An adapter that weighs its experts by task (``moelora``) is asked for one
    ``task``, by its name in the tuning; without it, for the mean of all.
    """

    version: ClassVar[int] = 2

    folder: str = "."
    rows: int = Field(default=0, ge=0)
    task: str = ""

    def opened(self) -> "Local":
        """Open it with our own decoder.

        Raises:
            DataError: there is no model in the folder, or none that we know.
        """
        place = resolve(self.folder)
        if not any((place / name).is_file() for name in ("config.json", "adapter_config.json")):
            raise DataError(f"there is no model in {place}", hint="a model has a config.json and safetensors")
        need("torch", "train")
        from lmloop.nn.inference.own import load

        return load(place, self.rows, self.task)
