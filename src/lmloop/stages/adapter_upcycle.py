"""Adapter upcycle: trained LoRAs become the experts of a mixture, which is then tuned further."""

from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import copyfile
from typing import Any, ClassVar

from lmloop.core.errors import RecipeError
from lmloop.core.extras import need
from lmloop.core.method import AnyMethod
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.core.weights import outside_weights, write_model
from lmloop.kernels.tokenizing import FILE, copy_tokenizer
from lmloop.nn.huggingface import GENERATION
from lmloop.nn.opening import base_of, bearer, is_ours, open_plain, plain_of, stack_of, write_base
from lmloop.report import blocks


class AdapterUpcycle(Step):
    """Begin a mixture from LoRAs that were trained one by one on the same model: each becomes an expert.

    The LoRAs are inputs, and the folders ``loras``, in this order; with fewer of them than experts they take turns,
    and a place without experts gets their mean. ``method`` is the mixture, with new routers; its rank should be that of
    the LoRAs, else the share that is lost is told. ``base`` is the model's folder where no LoRA says it. Tune what
    comes out by the same method: ``finetune`` then goes on with it.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("weights",)
    makes: ClassVar[Kind] = "weights"
    needs_input: ClassVar[bool] = False

    method: AnyMethod
    loras: list[str] = []
    base: str = ""

    @classmethod
    def example(cls) -> "AdapterUpcycle":
        """Give one that makes two LoRAs of a tiny model the experts of a mixture."""
        from lmloop.models.lmloop import Lmloop
        from lmloop.nn.tiny_adapter import write_tiny

        base = Path(Lmloop.example().folder)
        loras = [str(write_tiny(base, "lora", seed, f"lora-{seed}")) for seed in range(2)]
        return cls.model_validate({"method": {"use": "molora", "experts": 2, "rank": 8}, "loras": loras})

    def outside(self, base: Path, digest: Callable[[Path], str]) -> dict[str, Any] | None:
        """Name the folders that no step made by their files, and by those of what they sit on."""
        folders = [base / name for name in (*self.loras, self.base) if name]
        return outside_weights(folders if self.base else [one for each in folders for one in stack_of(each)], digest)

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Put the mixture on the model, fill its experts, and write it."""
        need("torch", "train")
        from lmloop.nn.adapters.converting import upcycle
        from lmloop.nn.adapters.files import save

        folders = [*(item.path for item in inputs), *(context.base / name for name in self.loras)]
        base = self._base(folders, context)
        adapted, lost = upcycle(bearer(open_plain(base)), self.method, folders, context.seed)
        save(adapted, out, base.name)
        write_base(out, base)
        source = folders[0] if (folders[0] / FILE).is_file() else plain_of(base)
        copy_tokenizer(source, out)
        if (source / GENERATION).is_file():
            copyfile(source / GENERATION, out / GENERATION)
        write_model(out, {"use": "lmloop" if is_ours(plain_of(base)) else "transformers"})
        most = max(lost.values(), default=0.0)
        figures = (
            blocks.Figure("LoRAs", len(folders), caption=", ".join(folder.name for folder in folders)),
            blocks.Figure("weights of the mixture", adapted.trainable, caption=self.method.name()),
            blocks.Figure("lost", f"{most:.1%}", caption="of a change's length at the worst place"),
        )
        blocks.write(out / BLOCKS, [blocks.Numbers("A mixture from trained LoRAs", figures)])
        return {"loras": len(folders), "trained": adapted.trainable, "lost/most": most}

    def _base(self, folders: Sequence[Path], context: Context) -> Path:
        if not folders:
            raise RecipeError("there are no LoRAs to begin from", hint='from = ["one", "other"], or loras = ["FOLDER"]')
        if self.base:
            return context.base / self.base
        found = {base_of(folder) for folder in folders}
        if len(found) > 1:
            names = ", ".join(sorted(str(folder) for folder in found))
            raise RecipeError(f"the LoRAs sit on different models: {names}", hint="experts share one model")
        return found.pop()
