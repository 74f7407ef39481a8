"""The battery for steps."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from lmloop.core.card import Card, list_files
from lmloop.core.engine.shards import DATA, ShardWriter
from lmloop.core.errors import RecipeError
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Step
from lmloop.kernels.tokenizing import FILE
from lmloop.kernels.tokenizing.toy import byte_tokenizer
from lmloop.report import blocks
from lmloop.testing.parts import blaming, check_part
from lmloop.testing.readers import PLAIN
from lmloop.testing.samples import sample_batch


def check_step(step: Step, inputs: Sequence[Artifact] | None = None) -> None:
    """Run the battery on a step, on two shards of sample records unless inputs are given.

    It must be documented and made again from its own settings; say what it takes and makes; report plain
    numbers; and fill its folder with the same bytes each time and with any number of workers, but for the files that
    it says hold measurements. A step that reads anything but records and a tokenizer is only carried out when
    ``inputs`` are given.
    """
    check_part(step, "stages")
    name, kinds = step.name(), get_args(Kind)
    assert step.makes in kinds, f"{name}: makes {step.makes!r}, which is none of {', '.join(kinds)}"
    assert set(step.takes) <= set(kinds), f"{name}: takes {step.takes!r}, which are not all of {', '.join(kinds)}"
    wanted = step.needs or (("records",) if "records" in step.takes or not step.takes else step.takes)
    if inputs is None and step.needs_input and not {"records"} <= {*wanted} <= {"records", "tokenizer"}:
        return
    with tempfile.TemporaryDirectory() as folder, blaming(step):
        base = Path(folder)
        for path, content in PLAIN.items():
            (base / "files" / path).parent.mkdir(parents=True, exist_ok=True)
            (base / "files" / path).write_bytes(content)
        given = list(inputs) if inputs is not None else _records(base) if "records" in step.takes else []
        if inputs is None and _wants_tokenizer(step):
            given += _tokenizer(base)
        context = Context(seed=7, workers=1, base=base / "files")
        first = _carry_out(step, given, base / "first", context)
        for what, other in (("a second time", context), ("with two workers", replace(context, workers=2))):
            again = _carry_out(step, given, base / what.replace(" ", "-"), other)
            differing = sorted(path for path in {*first, *again} if first.get(path) != again.get(path))
            assert not differing, f"{name}: {what}, it writes other bytes: {', '.join(differing[:5])}"


def _wants_tokenizer(step: Step) -> bool:
    """Say whether it cannot do with records alone."""
    if "tokenizer" in step.needs:
        return True
    try:
        step.check_inputs({"records"})
    except RecipeError:
        return "tokenizer" in step.takes
    return False


def _carry_out(step: Step, inputs: list[Artifact], out: Path, context: Context) -> dict[str, object]:
    """Run the step; give the digests of its files and its numbers."""
    name = step.name()
    out.mkdir()
    metrics = step.run(inputs, out, context)
    for metric, value in metrics.items():
        assert isinstance(value, int | float | str), f"{name}: the metric {metric!r} is a {type(value).__name__}"
    if step.makes == "records":
        assert list((out / DATA).glob("*.parquet")), f"{name}: makes records, but there is no {DATA}/*.parquet"
    if (out / BLOCKS).exists():
        blocks.read(out / BLOCKS)
    # what a person is shown may tell how long things took; of measurements it counts that they are there
    told = (BLOCKS, *step.measured)
    return {path: path in told or row["digest"] for path, row in list_files(out).items()}


def _records(base: Path) -> list[Artifact]:
    batch = sample_batch()
    folder = base / "records"
    for number, rows in enumerate((batch.slice(0, 20), batch.slice(20))):
        with ShardWriter(folder / DATA / f"{number:05d}.parquet") as shard:
            shard.write(rows)
    key = "0" * 32
    card = Card("records", "ingest", "records", key, 0, {}, {}, {"files": 2}, {"records": batch.num_rows})
    card = replace(card, files=list_files(folder))
    card.write(folder)
    return [Artifact("records", folder.rename(base / card.folder), key, card.id)]


def _tokenizer(base: Path) -> list[Artifact]:
    """Make the smallest tokenizer: a token a byte."""
    folder = base / "tokenizer"
    folder.mkdir()
    (folder / FILE).write_bytes(byte_tokenizer().read_bytes())
    key = "1" * 32
    card = Card("tokenizer", "tokenizer", "tokenizer", key, 0, {}, {}, None, {}, files=list_files(folder))
    card.write(folder)
    return [Artifact("tokenizer", folder.rename(base / card.folder), key, card.id)]
