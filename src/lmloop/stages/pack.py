"""Pack: clean records become tokens that a training reads without a copy, a cut or a gap."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from lmloop.core.batch import Batch
from lmloop.core.card import WORK
from lmloop.core.engine.engines import open_pool
from lmloop.core.engine.pool import Result
from lmloop.core.engine.shards import list_shards, prune, read_shard
from lmloop.core.errors import DataError, RecipeError
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.held import is_held
from lmloop.kernels.packed import DATA, TOKENIZER, Index, Piece, PieceWriter, smallest_dtype
from lmloop.kernels.tokenizing import FILE, FILES, Tokenizer
from lmloop.report import blocks

EMPTY = "no text"


@dataclass(frozen=True, slots=True)
class PackTask:
    """A shard of records, and how its documents become tokens."""

    number: int
    size: int
    shard: Path
    source: str
    by: str
    held: float
    tokenizer: Path
    digest: str
    out: Path

    @property
    def name(self) -> str:
        """The shard's number."""
        return f"{self.number:05d}"


class Pack(Step):
    """Tokenise records once and for all.

    Each document is kept whole, with the tokenizer's begin and end tokens around it. ``held`` is the share of
    documents that no training sees: which, is decided by a digest of their id alone. A document's source is the
    name of the input that it came from or, if ``by`` is given, what its meta says under that key: trainings weigh
    sources, and measure them one by one.

    The tokenizer is that of a step among the inputs, or one that no step made: ``tokenizer`` names its folder, that
    of a model in Hugging Face's form, say, which is to be trained on.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("records", "tokenizer")
    makes: ClassVar[Kind] = "tokens"
    needs: ClassVar[tuple[Kind, ...]] = ("records",)

    held: float = Field(default=0.01, ge=0.0, lt=1.0)
    by: str = ""
    tokenizer: str = ""

    def check_inputs(self, kinds: Collection[Kind]) -> None:
        """See whether there is a tokenizer, and one only."""
        if not self.tokenizer and "tokenizer" not in kinds:
            hint = 'name a step that makes a tokenizer in its from, or a folder: tokenizer = "models/mine"'
            raise RecipeError("it needs tokenizer, too", hint=hint)
        if self.tokenizer and "tokenizer" in kinds:
            raise RecipeError("it has two tokenizers", hint="leave out 'tokenizer', or the step in 'from'")

    def outside(self, base: Path, digest: Callable[[Path], str]) -> dict[str, Any] | None:
        """Name the tokenizer's files by their digests."""
        if not self.tokenizer:
            return None
        folder = base / self.tokenizer
        if not (folder / FILE).is_file():
            raise DataError(f"there is no {FILE} in {folder}", hint="name a folder with a tokenizer")
        return {name: digest(folder / name) for name in FILES if (folder / name).is_file()}

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Tokenise every shard, and write the index last."""
        records = [item for item in inputs if item.kind == "records"]
        folders = [item.path for item in inputs if item.kind == "tokenizer"]
        folders += [context.base / self.tokenizer] if self.tokenizer else []
        if len(folders) != 1 or not records:
            raise DataError(
                f"packing needs records and one tokenizer, not {len(folders)}", hint='from = ["clean", "tokenizer"]'
            )
        tokenizer = Tokenizer.load(folders[0])
        tasks = self._tasks(records, folders[0], tokenizer, out)
        (out / DATA).mkdir(exist_ok=True)
        with open_pool(context) as pool:
            results = pool.each("tokenise", pack_shard, tasks, out / WORK / "done")
        pieces = tuple(Piece(**row) for result in results for row in result["pieces"])
        endings = (".bin", ".ends.npy", ".bytes.npy")
        prune(out / DATA, {f"{piece.name}{ending}" for piece in pieces for ending in endings})
        _copy_tokenizer(folders[0], out / TOKENIZER)
        size = tokenizer.vocab_size
        index = Index(size, smallest_dtype(size), tokenizer.digest, tokenizer.bos_id, tokenizer.eos_id, pieces)
        index.write(out)
        empty = sum(result["empty"] for result in results)
        lengths = Counter[int]()
        for result in results:
            lengths.update({int(power): count for power, count in result["lengths"].items()})
        blocks.write(out / BLOCKS, _blocks(index, lengths, empty))
        return _metrics(index, empty)

    def _tasks(self, records: Sequence[Artifact], folder: Path, tokenizer: Tokenizer, out: Path) -> list[PackTask]:
        tasks: list[PackTask] = []
        for item in records:
            for shard in list_shards([item.path]):
                tasks.append(
                    PackTask(
                        number=len(tasks),
                        size=shard.size,
                        shard=shard.path,
                        source=item.id or item.path.name,
                        by=self.by,
                        held=self.held,
                        tokenizer=folder,
                        digest=tokenizer.digest,
                        out=out,
                    )
                )
        return tasks


def pack_shard(task: PackTask) -> Result:
    """Tokenise one shard into a piece for each source, and one for what is held out of it."""
    tokenizer = Tokenizer.load(task.tokenizer)
    dtype = smallest_dtype(tokenizer.vocab_size)
    before, behind = (
        np.array([] if special is None else [special], np.uint32) for special in (tokenizer.bos_id, tokenizer.eos_id)
    )
    writers: dict[tuple[str, bool], PieceWriter] = {}
    lengths: Counter[int] = Counter()
    empty = 0
    for batch in read_shard(task.shard):
        texts = batch.column("text").to_pylist()
        there = [row for row, text in enumerate(texts) if text]
        empty += len(texts) - len(there)
        names, sources = batch.column("id").to_pylist(), _sources(batch, task)
        encoded = tokenizer.encode_batch([texts[row] for row in there])
        for row, ids in zip(there, encoded, strict=True):
            key = (sources[row], is_held(names[row], task.held))
            writer = writers.setdefault(key, PieceWriter(dtype))
            writer.add((before, ids, behind), len(texts[row].encode()))
            lengths[len(ids).bit_length()] += 1
    files: list[Path] = []
    pieces: list[Piece] = []
    for number, ((source, held), writer) in enumerate(sorted(writers.items())):
        name = f"{task.name}-{number:03d}"
        files += writer.write(task.out / DATA, name)
        sizes = (len(writer.lengths), sum(writer.lengths), sum(writer.sizes))
        pieces.append(Piece(name, source, held, *sizes))
    return {
        "files": files,
        "pieces": [asdict(piece) for piece in pieces],
        "empty": empty,
        "lengths": {str(power): count for power, count in lengths.items()},
    }


def _sources(batch: Batch, task: PackTask) -> list[str]:
    if not task.by:
        return [task.source] * batch.num_rows
    metas = batch.column("meta").to_pylist()
    return [str((json.loads(meta) if meta else {}).get(task.by) or "other") for meta in metas]


def _copy_tokenizer(folder: Path, target: Path) -> None:
    """Keep the tokenizer's own files beside its tokens: whoever has these can read them."""
    target.mkdir(exist_ok=True)
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name.startswith(("tokenizer", "chat_template", "special_tokens")):
            shutil.copyfile(path, target / path.name)


def _metrics(index: Index, empty: int) -> Metrics:
    trained = [piece for piece in index.pieces if not piece.held]
    return {
        "tokens": sum(piece.tokens for piece in trained),
        "held_tokens": sum(piece.tokens for piece in index.pieces if piece.held),
        "documents": sum(piece.documents for piece in index.pieces),
        "bytes": sum(piece.bytes for piece in index.pieces),
        f"drop/pack/{EMPTY}": empty,
    }


def _blocks(index: Index, lengths: Counter[int], empty: int) -> list[blocks.Block]:
    total = sum(piece.tokens for piece in index.pieces)
    around = sum(piece.documents for piece in index.pieces) * sum(x is not None for x in (index.before, index.behind))
    held = sum(piece.tokens for piece in index.pieces if piece.held)
    text = sum(piece.bytes for piece in index.pieces)
    figures = (
        blocks.Figure("tokens", total, caption=f"as {index.dtype}; {around:,} of them begin or end a document"),
        blocks.Figure("documents", sum(piece.documents for piece in index.pieces), caption="each whole, none padded"),
        blocks.Figure("bytes of text a token", round(text / max(total - around, 1), 2)),
        blocks.Figure("held out", held, caption="tokens that no training sees"),
        *((blocks.Figure("empty", empty, caption="records without text, left out"),) if empty else ()),
    )
    found: list[blocks.Block] = [blocks.Numbers("The tokens", figures)]
    if len(index.sources) > 1:
        counts = [sum(p.tokens for p in index.pieces if p.source == name and not p.held) for name in index.sources]
        found.append(blocks.Bars("Tokens by source", index.sources, (blocks.Series("tokens", tuple(counts)),)))
    if lengths:
        powers = range(min(lengths), max(lengths) + 1)
        edges = tuple(2 ** (power - 1) if power else 0 for power in (*powers, powers[-1] + 1))
        counts = [lengths[power] for power in powers]
        series = (blocks.Series("documents", tuple(counts)),)
        found.append(
            blocks.Histogram("Length of the documents", edges, series, "tokens", "documents", x_log=edges[0] > 0)
        )
    return found
