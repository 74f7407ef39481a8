"""A model in Hugging Face's form, of any architecture that ``transformers`` knows, in this process."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field

from lmloop.core.errors import DataError
from lmloop.core.extras import need
from lmloop.core.outside import resolve
from lmloop.nn.inference.folder import FolderModel

if TYPE_CHECKING:
    from lmloop.nn.inference.local import Local


class Transformers(FolderModel):
    """Run a model of ``transformers``, on the GPU if there is one.

    ``folder`` is a folder with ``config.json``, weights and tokenizer, or a name on the hub (of a ``revision``). A
    conversation is put into the model's chat template; without one, the texts of its turns stand one behind the other.
    A prompt that is longer than the model's context loses its beginning (``truncate`` ``middle``: its middle).
    What prompts share is read once, and logits are made only where they are needed; results are those of the model's
    own code, which is asked a few questions for comparison when the model is opened. An architecture whose attention
    cannot be replaced is read by its own code alone, slowly.

    ``device`` is ``auto``, ``cpu``, ``cuda`` or ``cuda:1``; ``dtype`` ``auto`` is that of the weights on a GPU and
    float32 on a CPU. ``device_map`` spreads a model over several devices, as in ``transformers``. ``rows`` replies are
    written side by side (0: what suits the device). An adapter that a tuning wrote is opened with its model; ``task``
    is as for ``lmloop``.
    """

    folder: str
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    device: str = "auto"
    device_map: str = ""
    revision: str = ""
    truncate: Literal["left", "middle"] = "left"
    rows: int = Field(default=0, ge=0)
    task: str = ""

    @classmethod
    def example(cls) -> Self:
        """Give a tiny one with fresh weights, in a folder that is removed when the process ends."""
        need("transformers", "huggingface")
        return super().example()

    def opened(self) -> "Local":
        """Open it with ``transformers``.

        Raises:
            DataError: there is no such folder, the hub cannot be reached, or it is nothing that ``transformers`` opens.
        """
        place = resolve(self.folder)
        if not place.is_dir() and (self.folder.startswith((".", "/", "~")) or self.folder.count("/") > 1):
            raise DataError(f"there is no folder {place}", hint="name a folder with config.json and weights")
        need("torch", "train")
        from lmloop.nn.inference.opening import Opening, load

        name = str(place) if place.is_dir() else self.folder
        how = Opening(self.dtype, self.device, self.device_map, self.revision, self.rows, self.truncate, self.task)
        return load(name, how)
