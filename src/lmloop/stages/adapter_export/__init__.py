"""Adapter export: an adapter leaves as what others read: whole weights, or ordinary LoRAs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from lmloop.core.errors import DataError, RecipeError
from lmloop.core.extras import need
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.core.weights import outside_weights
from lmloop.nn.opening import ADAPTER, base_of, stack_of
from lmloop.report import blocks
from lmloop.stages.adapter_export.forms import AnyForm, Merged
from lmloop.stages.adapter_export.writing import Opened, Written, write

SHOWN = 40
LOST = (
    "the share of the length of the mean change that the rank leaves out; "
    "that each token had its own experts is lost in any case"
)


class AdapterExport(Step):
    """Give an adapter another form: whole weights, a file for llama.cpp, or ordinary LoRAs that ``peft`` reads.

    The adapter is an input, or ``adapter``, a folder; ``base`` is its model's folder where the adapter does not say it.
    ``form`` is ``merged``; ``gguf``; ``expert``, one expert as a LoRA (``number``, from 0); ``tasks``, a LoRA for each
    task in a folder of its name; or ``distilled``, the mean of a mixture as one LoRA of a ``rank``, with the share of
    each place's change that the rank loses. ``merged``, ``gguf`` (``bits``: f32, f16, q8_0) and ``tasks`` compute what
    the adapter does; where experts are weighed by task, the first two need a ``task``. What a router weighs anew for
    each token has no fixed weights: it is refused there.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("weights",)
    makes: ClassVar[Kind] = "weights"
    needs_input: ClassVar[bool] = False

    form: AnyForm = Merged()
    adapter: str = ""
    base: str = ""

    @classmethod
    def example(cls) -> "AdapterExport":
        """Give one that merges a LoRA into a tiny model."""
        from lmloop.models.lmloop import Lmloop
        from lmloop.nn.tiny_adapter import write_tiny

        base = Path(Lmloop.example().folder)
        return cls(adapter=str(write_tiny(base)))

    def outside(self, base: Path, digest: Callable[[Path], str]) -> dict[str, Any] | None:
        """Name the folders that no step made by their files, and by those of what they sit on."""
        folders = [base / name for name in (self.adapter, self.base) if name]
        # an adapter that is given its model's folder need not know it
        return outside_weights(folders if self.base else [one for each in folders for one in stack_of(each)], digest)

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Open the adapter on its model, and write it in the form."""
        need("torch", "train")
        from lmloop.nn.opening import open_adapted

        folder = self._folder(inputs, context)
        base = context.base / self.base if self.base else base_of(folder)
        decoder, adapted = open_adapted(folder, base)
        written = write(self.form, Opened(decoder, adapted, folder, base), out)
        blocks.write(out / BLOCKS, _show(self.form.use, adapted.method.name(), adapted.trainable, written))
        lost = {"lost/most": max(written.lost.values()), "lost/mean": _mean(written)} if written.lost else {}
        return {"trained": adapted.trainable, **lost}

    def _folder(self, inputs: list[Artifact], context: Context) -> Path:
        given = [*(item.path for item in inputs), *([context.base / self.adapter] if self.adapter else [])]
        if len(given) != 1:
            raise RecipeError(
                f"one adapter is given another form, and {len(given)} are given",
                hint='from = ["tuned"], or adapter = "FOLDER"',
            )
        if not (given[0] / ADAPTER).is_file():
            raise DataError(f"there is no adapter in {given[0]}", hint=f"an adapter has a {ADAPTER}")
        return given[0]


def _mean(written: Written) -> float:
    return sum(written.lost.values()) / len(written.lost)


def _show(form: str, method: str, trained: int, written: Written) -> list[blocks.Block]:
    figures = [
        blocks.Figure("form", form, caption=f"of {method}"),
        blocks.Figure("weights of the adapter", trained),
    ]
    if written.folders:
        figures.append(blocks.Figure("LoRAs", len(written.folders), caption=", ".join(written.folders)))
    if written.lost:
        figures.append(blocks.Figure("lost by the rank", f"{_mean(written):.1%}", caption="of a change's length, mean"))
    found: list[blocks.Block] = [blocks.Numbers("The adapter in another form", tuple(figures))]
    if written.lost:
        worst = sorted(written.lost.items(), key=lambda item: (-item[1], item[0]))
        rows = tuple((place, f"{share:.1%}") for place, share in worst[:SHOWN])
        found.append(blocks.Table("What the rank loses", ("place", "lost"), rows, note=LOST))
    return found
