"""Resize a model: rows for the tokens that its tokenizer was extended by."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from lmloop.core.errors import DataError
from lmloop.core.outside import resolve
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.tokenizing.resizing import resize
from lmloop.report import blocks

ROWS = "rowmap.json"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "chat_template.jinja")


class ResizeModel(Step):
    """Give a model in Hugging Face's format the rows of an extended tokenizer.

    It takes the tokenizer that the step extend-tokenizer made, and the weights of another step or those in the folder
    ``model``. Old rows stay as they are, so what the model gives for old ids does not change; each new row is the mean
    of the rows of its old pieces. Input and output embeddings are both resized, shared ones once. The tokenizer's
    files are copied beside the weights.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokenizer", "weights")
    makes: ClassVar[Kind] = "weights"
    needs: ClassVar[tuple[Kind, ...]] = ("tokenizer",)

    model: str = ""

    def outside(self, base: Path, digest: Callable[[Path], str]) -> dict[str, Any] | None:
        """Name the files of the model by a digest."""
        if not self.model:
            return None
        folder = base / self.model
        files = sorted(path for path in folder.glob("*") if path.suffix in (".json", ".safetensors"))
        total = hashlib.blake2b(digest_size=16)
        for path in files:
            total.update(f"{path.name}\0{digest(path)}\n".encode())
        return {"files": len(files), "bytes": sum(path.stat().st_size for path in files), "digest": total.hexdigest()}

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Write the model anew."""
        tokenizers = [item.path for item in inputs if item.kind == "tokenizer"]
        models = [item.path for item in inputs if item.kind == "weights"]
        models += [context.base / self.model if not Path(self.model).is_absolute() else resolve(self.model)] * bool(
            self.model
        )
        if len(tokenizers) != 1 or len(models) != 1:
            raise DataError(
                "resizing needs one extended tokenizer and one model",
                hint="name the steps that make them in 'from'; or give the model's folder as 'model'",
            )
        if not (tokenizers[0] / ROWS).exists():
            raise DataError(f"{tokenizers[0].name} has no {ROWS}", hint="it is made by the step extend-tokenizer")
        rowmap = json.loads((tokenizers[0] / ROWS).read_bytes())
        done = resize(models[0], rowmap, out)
        for name in TOKENIZER_FILES:
            if (tokenizers[0] / name).exists():
                shutil.copyfile(tokenizers[0] / name, out / name)
        figures = (
            blocks.Figure("rows", done.new_rows, caption=f"{done.old_rows:,} before"),
            blocks.Figure("tensors", len(done.tensors), caption=", ".join(done.tensors)),
        )
        blocks.write(out / BLOCKS, [blocks.Numbers("The resized model", figures)])
        return {"old_rows": done.old_rows, "new_rows": done.new_rows, "tensors": len(done.tensors)}
