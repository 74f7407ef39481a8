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
from lmloop.kernels.text import text_buffer
from lmloop.kernels.tokenizing import CONFIG, TEMPLATE, Tokenizer, extending, folder, sentencepieces
from lmloop.kernels.tokenizing.counting import PieceCounter
from lmloop.kernels.tokenizing.formats import AnyTokenizer
from lmloop.kernels.tokenizing.linting import shown
from lmloop.kernels.tokenizing.scripts import Script, script
from lmloop.kernels.tokenizing.toy import byte_tokenizer
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

    The tokenizer is that of another step (``from``), or the file ``base``: a ``tokenizer.json`` of byte-level byte
    pairs, or a SentencePiece model (``*.model``) of byte pairs.
    A pair that occurs less than ``least`` times becomes no token.
    The number of ids is raised to a multiple of ``multiple``; a SentencePiece model gets no spare ones.
    ``most_pieces`` bounds the memory, as in the step tokenizer.

    The step fails if an id changes in any text without the script: all such lines of the records (20 MB of them at
    most), each character of Unicode, and the text of each old token are encoded with both. What no text gives is left
    out. Beside the tokenizer lie ``proof.json``; and ``rowmap.json``, which says for each old id its new one, and
    for each new one the old ids whose mean its embedding begins as. The step resize-model applies it.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("tokenizer", "records")
    makes: ClassVar[Kind] = "tokenizer"
    needs: ClassVar[tuple[Kind, ...]] = ("records",)

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
        if source.suffix == ".model":
            made = self._extend_model(source, texts, letters, out)
        else:
            made = self._extend_pairs(source, texts, letters, out)
        lines = [line for part in texts for line in extending.lines_without(part, letters, PROVEN_BYTES)]
        proof = extending.prove(made.base, made.new, _bounded(lines), letters)
        facts = {
            "lines": proof.lines,
            "characters": proof.characters,
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

    def _extend_pairs(self, source: Path, texts: "_Texts", letters: Script, out: Path) -> _Made:
        base = Tokenizer.load(source)
        counter = PieceCounter(extending.readable(base).cut, self.most_pieces)
        for part in texts:
            counter.add(text_buffer(part))
        counted = counter.counted()
        addition = extending.learn_addition(base, counted, letters, self.pieces, self.least)
        counted = extending.with_script(counted, letters)
        addition, dropped = extending.reachable_only(base, addition, counted)
        template = source.parent / TEMPLATE if source.is_file() else source / TEMPLATE
        core = extending.extended(base, addition, self.multiple)
        folder.write(core, out, base.config, template.read_text(encoding="utf-8") if template.exists() else "")
        new = Tokenizer.load(out)
        lost = extending.new_unreachable(new, base.vocab_size, new.count_pieces(counted))
        return _Made(base, new, addition.tokens, dropped, len(lost), extending.row_map(base, addition, new))

    def _extend_model(self, source: Path, texts: "_Texts", letters: Script, out: Path) -> _Made:
        content = source.read_bytes()
        sentencepieces.check_byte_pairs(content)
        base = sentencepieces.open_model(content)
        stream = (text for part in texts for text in part.to_pylist())
        pieces, dropped = sentencepieces.learn_pieces(content, stream, letters, self.pieces, self.least)
        made = sentencepieces.below_all(content, pieces)
        with draft(out / MODEL) as place:
            place.write_bytes(made)
        if (config := source.with_name(CONFIG)).exists():
            (out / CONFIG).write_bytes(config.read_bytes())
        means = sentencepieces.means(content, pieces)
        new = sentencepieces.open_model(made)
        rowmap = extending.rows(base.vocab_size, new.vocab_size, means, {})
        lost = extending.new_unreachable(new, base.vocab_size, None)
        return _Made(base, new, [piece.encode() for piece in pieces], dropped, len(lost), rowmap)


@dataclass(frozen=True)
class _Texts:
    """The texts of record folders, a part at a time, as often as one asks."""

    folders: list[Path]
    context: Context

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
