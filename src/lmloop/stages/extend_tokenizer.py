"""Extend a tokenizer: new pieces for a script, and proof that all other text is encoded as before."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from lmloop.core.draft import draft
from lmloop.core.engine.shards import list_shards, read_shard
from lmloop.core.errors import DataError
from lmloop.core.outside import OutsideFile
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.tokenizing import CONFIG, TEMPLATE, Tokenizer, folder, proving, sentencepieces
from lmloop.kernels.tokenizing.byte_pairs import piece_bytes
from lmloop.kernels.tokenizing.extending import rows
from lmloop.kernels.tokenizing.formats import AnyTokenizer
from lmloop.kernels.tokenizing.linting import shown
from lmloop.kernels.tokenizing.scripts import script
from lmloop.kernels.tokenizing.toy import byte_tokenizer
from lmloop.kernels.tokenizing.units import Goal
from lmloop.kernels.tokenizing.widening import widen
from lmloop.report import blocks

ROWS, PROOF, MODEL = "rowmap.json", "proof.json", "tokenizer.model"
PROVEN_BYTES = 20_000_000


@dataclass(frozen=True)
class _Made:
    """An extended tokenizer: it and the base, its new pieces, how many were left out, how many no text gives."""

    base: AnyTokenizer
    new: AnyTokenizer
    pieces: list[bytes]
    dropped: int
    unreachable: int
    rowmap: dict[str, Any]


class ExtendTokenizer(Step):
    """Add ``pieces`` tokens of a ``script`` (Han, Hangul, Thai, ...) to a tokenizer, learned from records.

    The tokenizer is that of another step (``from``), or the file ``base``: a ``tokenizer.json`` or a SentencePiece
    model (``*.model``), of byte pairs or of unigrams, with any normalizer; it is saved in the form that it had.
    A pair that occurs less than ``least`` times becomes no token.
    The number of ids is raised to a multiple of ``multiple``; a SentencePiece model gets no spare ones.
    ``most_pieces`` bounds the memory, as in the step tokenizer.

    The step fails if an id changes in any text without the script: all such lines of the records (20 MB of them at
    most), each character of Unicode, and the text of each old token are encoded with both. Text that a normalizer
    turns into the script (NFKC makes ``(株)`` of ``㈱``) counts as text with it. What no text gives is left out.
    Beside the tokenizer lie ``proof.json``; and ``rowmap.json``, which says for each old id its new one, and
    for each new one the old ids whose mean its embedding begins as. The step resize-model applies it.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokenizer", "records")
    makes: ClassVar[Kind] = "tokenizer"
    needs: ClassVar[tuple[Kind, ...]] = ("records",)
    version: ClassVar[int] = 2

    pieces: int = Field(default=2000, ge=1)
    script: str = "Han"
    base: OutsideFile | None = None
    least: int = Field(default=2, ge=1)
    multiple: int = Field(default=64, ge=1, le=4096)
    most_pieces: int = Field(default=1 << 21, ge=1 << 12)
    init: Literal["mean"] = Field(default="mean", description="how new embeddings begin: the mean of their old pieces")

    @classmethod
    def example(cls) -> Self:
        """Give one that extends a tokenizer of single bytes."""
        return cls.model_validate({"pieces": 8, "base": str(byte_tokenizer())})

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.base is not None and self.base.path.suffix not in (".json", ".model"):
            raise ValueError("base must be a tokenizer.json or a *.model file")
        return self

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Learn, check, prove, and write."""
        records = [item.path for item in inputs if item.kind == "records"]
        source = self._source(inputs)
        if not records:
            raise DataError("extending a tokenizer needs records", hint="name a step that makes records in 'from', too")
        letters = script(self.script)
        texts = _Texts(records, context)
        goal = Goal(self.pieces, letters, self.least, self.most_pieces)
        extend = self._extend_model if source.suffix == ".model" else self._extend_file
        made = extend(source, texts, goal, out)
        lines = [line for part in texts for line in proving.lines_without(part, letters, PROVEN_BYTES)]
        proof = proving.prove(made.base, made.new, _bounded(lines), letters)
        facts = {
            "lines": proof.lines,
            "characters": proof.characters,
            "turned": proof.turned,
            "old_tokens": proof.old_tokens,
            "changed": proof.changed,
            "unreachable": made.unreachable,
        }
        _write_json(out / ROWS, made.rowmap)
        _write_json(out / PROOF, facts)
        sizes = {"vocab_size": made.new.vocab_size, "added": len(made.pieces), "dropped": made.dropped}
        blocks.write(out / BLOCKS, _blocks(made, texts, facts))
        return {**sizes, **{f"proof/{name}": value for name, value in facts.items()}}

    def _source(self, inputs: list[Artifact]) -> Path:
        given = [item.path for item in inputs if item.kind == "tokenizer"]
        if len(given) + (self.base is not None) != 1:
            raise DataError(
                "there must be one tokenizer to extend",
                hint="name one step that makes a tokenizer in 'from', or give its file as 'base'",
            )
        if self.base is not None:
            return self.base.path
        return given[0] / MODEL if (given[0] / MODEL).exists() else given[0]

    def _extend_file(self, source: Path, texts: "_Texts", goal: Goal, out: Path) -> _Made:
        """Extend a ``tokenizer.json``."""
        base = Tokenizer.load(source)
        wider = widen(base, texts, goal, self.multiple)
        template = source.parent / TEMPLATE if source.is_file() else source / TEMPLATE
        text = template.read_text(encoding="utf-8") if template.exists() else ""
        folder.write(wider.core, out, base.config, text)
        new = Tokenizer.load(out)
        counts = new.count_pieces(wider.counted) if wider.counted else None
        lost = proving.new_unreachable(new, base.vocab_size, counts)
        rowmap = rows(base.vocab_size, new.vocab_size, wider.means, {"base": base.digest, "tokenizer": new.digest})
        return _Made(base, new, wider.pieces, wider.dropped, len(lost), rowmap)

    def _extend_model(self, source: Path, texts: "_Texts", goal: Goal, out: Path) -> _Made:
        """Extend a SentencePiece model."""
        content = source.read_bytes()
        base = sentencepieces.open_model(content)
        if sentencepieces.kind_of(content) == sentencepieces.UNIGRAM:
            scored, dropped = sentencepieces.learn_unigrams(content, texts.each(), goal)
            pieces, made = [piece for piece, _ in scored], sentencepieces.append(content, scored)
        else:
            pieces, dropped = sentencepieces.learn_pieces(content, texts.each(), goal)
            made = sentencepieces.below_all(content, pieces)
        with draft(out / MODEL) as place:
            place.write_bytes(made)
        if (config := source.with_name(CONFIG)).exists():
            (out / CONFIG).write_bytes(config.read_bytes())
        means = sentencepieces.means(content, pieces)
        new = sentencepieces.open_model(made)
        rowmap = rows(base.vocab_size, new.vocab_size, means, {})
        lost = proving.new_unreachable(new, base.vocab_size, None)
        return _Made(base, new, [piece_bytes(piece) for piece in pieces], dropped, len(lost), rowmap)


@dataclass(frozen=True)
class _Texts:
    """The texts of record folders, a part at a time, as often as one asks."""

    folders: list[Path]
    context: Context

    def each(self) -> Iterator[str]:
        """Give the texts one by one."""
        for part in self:
            yield from part.to_pylist()

    def __iter__(self) -> Iterator["pa.Array"]:
        shards = list_shards(self.folders)
        with self.context.progress.bar("read", sum(shard.size for shard in shards) / 1e6, "MB") as bar:
            for shard in shards:
                for batch in read_shard(shard.path):
                    yield batch.column("text").fill_null("").cast(pa.large_string())
                bar.advance(shard.size / 1e6)


def _bounded(lines: list[str]) -> list[str]:
    """Keep the first lines up to the bytes that are proven on."""
    size = 0
    for n, line in enumerate(lines):
        size += len(line)
        if size > PROVEN_BYTES:
            return lines[: n + 1]
    return lines


def _blocks(made: _Made, texts: _Texts, facts: dict[str, int]) -> list[blocks.Block]:
    first = next(iter(texts), pa.array([], pa.large_string()))
    before, after = (int(tokenizer.encode_column(first)[1].sum()) for tokenizer in (made.base, made.new))
    figures = (
        blocks.Figure("new pieces", len(made.pieces), caption=f"{made.dropped} more were left out: no text gave them"),
        blocks.Figure("ids", made.new.vocab_size, caption=f"{made.base.vocab_size:,} before"),
        blocks.Figure("changed ids", facts["changed"], caption=f"in {facts['lines']:,} lines without the script"),
        blocks.Figure("unreachable new pieces", facts["unreachable"]),
        blocks.Figure("tokens before", before, caption="for the first texts of the records"),
        blocks.Figure("tokens after", after, caption="for the same texts"),
    )
    note = (
        f"proven on {facts['lines']:,} lines, {facts['characters']:,} characters and {facts['old_tokens']:,} old tokens"
    )
    some = "  ".join(shown(piece) for piece in made.pieces[:200])
    return [
        blocks.Numbers("The extension", figures, note=note),
        blocks.Text("New pieces, in the order they were learned", (blocks.Passage(some, code=True),)),
    ]


def _write_json(path: Path, value: Any) -> None:
    with draft(path) as place:
        place.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
