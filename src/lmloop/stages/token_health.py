"""Token health: which tokens a model has hardly learned, told from its weights."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.scratch import scratch_folder
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.core.weights import weights_digest
from lmloop.kernels.packed import Index, streams
from lmloop.kernels.scaling.emergence import spearman
from lmloop.kernels.text import Integers
from lmloop.kernels.tokenizing.formats import open_tokenizer
from lmloop.kernels.tokenizing.health import Health, health, known_unused
from lmloop.kernels.tokenizing.linting import shown
from lmloop.kernels.tokenizing.rows import read_token_rows
from lmloop.report import blocks

TOKENS = "tokens.jsonl"
LISTED, DOTS, BINS = 200, 2000, 40
PART = 1 << 22


@dataclass(frozen=True, slots=True)
class Found:
    """What a step found: the tokens' texts, their health, and how often the model read each, where that is known."""

    texts: list[str]
    health: Health
    counts: Integers | None


class TokenHealth(Step):
    """Find tokens that a model has hardly learned, by how its output rows lie (Land and Bartolo 2024).

    Rows of tokens that are never the answer end up beside each other. Those that are known to be unused are bytes that
    no text has, rows beyond the tokenizer, and the ids in ``unused``; what lies as close to their mean as they do is
    listed. In a model whose input rows are not shared, the length of those is shown, too.

    It reads base models of another step, or the one in the folder ``model`` in Hugging Face's form with its tokenizer.
    The packed tokens that it was trained on, if given, tell how often it read each token: to see how well this tells.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("weights", "tokens")
    makes: ClassVar[Kind] = "scores"
    needs_input: ClassVar[bool] = False

    model: str = ""
    unused: list[int] = []

    @classmethod
    def example(cls) -> "TokenHealth":
        """Give one that looks at a tiny model with fresh weights, in a folder that is removed when the process ends."""
        from lmloop.nn.inference.tiny import write_tiny

        folder = scratch_folder()
        write_tiny(folder)
        return cls(model=str(folder))

    def outside(self, base: Path, digest: Callable[[Path], str]) -> dict[str, Any] | None:
        """Name the files of the model by a digest."""
        return {"digest": weights_digest(base / self.model)} if self.model else None

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Measure the rows, and leave ``tokens.jsonl`` and what a person should see."""
        models = [item.path for item in inputs if item.kind == "weights"]
        models += [context.base / self.model] * bool(self.model)
        if len(models) != 1:
            hint = 'from = ["base"] names a step; model = "folder" a model in Hugging Face\'s form'
            raise DataError("token-health looks at one model", hint=hint)
        packed = [item.path for item in inputs if item.kind == "tokens"]
        found = look(models[0], self.unused, packed)
        with draft(out / TOKENS) as place:
            place.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows_of(found)), "utf-8")
        told = _metrics(found)
        blocks.write(out / BLOCKS, _blocks(found, told))
        return told


def look(model: Path, unused: list[int], packed: list[Path]) -> Found:
    """Measure the tokens of a model in a folder, and count them in some packed ones.

    Raises:
        DataError: there is no model or no tokenizer, or nothing to compare with.
    """
    file = next((model / name for name in ("tokenizer.json", "tokenizer.model") if (model / name).is_file()), None)
    if file is None:
        raise DataError(f"{model} has no tokenizer", hint="it stands beside the weights: tokenizer.json")
    tokens, rows = open_tokenizer(file).tokens, read_token_rows(model)
    wrong = [each for each in unused if not 0 <= each < len(rows.output)]
    if wrong:
        raise DataError(f"there is no token {wrong[0]}: the model has {len(rows.output)}")
    found = health(rows, [*known_unused(tokens, len(rows.output)), *unused])
    texts = [shown(token) or f"special {n}" for n, token in enumerate(tokens)][: len(rows.output)]
    texts += [f"row {n}" for n in range(len(texts), len(rows.output))]
    return Found(texts, found, _count(packed, len(texts)) if packed else None)


def _count(packed: list[Path], rows: int) -> Integers:
    counts = np.zeros(rows, np.int64)
    for folder in packed:
        index = Index.read(folder)
        if index.vocabulary > rows:
            raise DataError(f"{folder.name} has {index.vocabulary} ids, the model {rows}", hint="of another tokenizer?")
        for stream in streams(folder, index).values():
            for start in range(0, stream.tokens, PART):
                ids = stream.read(start, min(start + PART, stream.tokens))[0]
                counts += np.bincount(ids, minlength=rows)
    return counts


def rows_of(found: Found) -> Iterator[dict[str, Any]]:
    """Give all tokens, a row each, those that look least trained first."""
    like, known = set(found.health.like_unused.tolist()), set(found.health.unused.tolist())
    for n in np.argsort(found.health.signs, kind="stable").tolist():
        row: dict[str, Any] = {"id": n, "token": found.texts[n]}
        row["looks"] = "known unused" if n in known else "like the unused" if n in like else ""
        if found.health.distance is not None:
            row["distance"] = float(f"{found.health.distance[n]:.5g}")
        if found.health.length is not None:
            row["length"] = float(f"{found.health.length[n]:.5g}")
        if found.counts is not None:
            row["count"] = int(found.counts[n])
        yield row


def _metrics(found: Found) -> Metrics:
    like = found.health.like_unused
    told: dict[str, int | float | str] = {"tokens": len(found.texts), "known_unused": len(found.health.unused)}
    told["like_unused"] = len(like)
    if found.counts is not None:
        told["never_read"] = int((_others(found, found.counts) == 0).sum())
        told["like_unused_never_read"] = int((found.counts[like] == 0).sum())
        signs = np.asarray(found.health.signs, np.float64)
        told["rho"] = round(spearman(np.asarray(found.counts, np.float64), signs), 3)
    return told


def _others(found: Found, values: Any) -> Any:
    """Leave out what was known to be unused."""
    return np.delete(values, found.health.unused)


def _blocks(found: Found, told: Metrics) -> list[blocks.Block]:
    figures = [
        blocks.Figure("look untrained", told["like_unused"], caption=f"of {len(found.texts):,} tokens"),
        blocks.Figure("known to be unused", told["known_unused"], caption="to compare with"),
    ]
    if found.counts is not None:
        both = f"{told['like_unused_never_read']} of them look untrained"
        figures.append(blocks.Figure("never read", told["never_read"], caption=both))
        figures.append(blocks.Figure("rank correlation", told["rho"], caption="of the distance and how often read"))
    drawing = _histogram(found) if found.counts is None else _dots(found, found.counts)
    return [blocks.Numbers("Tokens that the model has hardly learned", tuple(figures)), drawing, _table(found)]


def _sign(found: Found) -> str:
    return "distance from the unused" if found.health.distance is not None else "length of the input row"


def _histogram(found: Found) -> blocks.Histogram:
    signs, known = found.health.signs, found.health.unused
    edges = np.linspace(0, float(signs.max()) or 1.0, BINS + 1)
    counts = [np.histogram(values, edges)[0].tolist() for values in (_others(found, signs), signs[known])]
    series = [blocks.Series(name, tuple(row)) for name, row in zip(("others", "unused"), counts, strict=True)]
    plain = tuple(float(f"{edge:.4g}") for edge in edges)
    limit = (blocks.Threshold(found.health.limit, "like the unused"),) if found.health.limit else ()
    shown_series = tuple(series if len(known) else series[:1])
    return blocks.Histogram("How far off", plain, shown_series, x_name=_sign(found), y_name="tokens", thresholds=limit)


def _dots(found: Found, counts: Integers) -> blocks.Curve:
    """Draw all tokens, or every so manieth by count, by how often they were read and how far off they lie."""
    order = np.argsort(counts, kind="stable")
    order = order[~np.isin(order, found.health.unused)]
    lines = []
    for name, mine in (("tokens", order[:: -(-len(order) // DOTS)]), ("known unused", found.health.unused)):
        if len(mine):
            # a logarithmic axis has no place for 0
            x = tuple(max(float(counts[n]), 0.5) for n in mine)
            lines.append(blocks.Line(name, x, tuple(float(f"{found.health.signs[n]:.4g}") for n in mine), dots=True))
    if found.health.limit:
        ends = (0.5, float(max(counts.max(), 1)))
        lines.append(blocks.Line("like the unused", ends, (float(f"{found.health.limit:.4g}"),) * 2))
    note = "Tokens that were never read stand at a half."
    axes = ("times that the model could read it", _sign(found))
    return blocks.Curve("What was read and what was learned", tuple(lines), *axes, x_log=True, y_log=True, note=note)


def _table(found: Found) -> blocks.Table:
    rows = [row for row in rows_of(found) if row["looks"] != "known unused"]
    listed = [row for row in rows if row["looks"]] or rows[: LISTED // 10]
    columns = tuple(listed[0]) if listed else ("id", "token")
    more = f" {len(listed) - LISTED} more are in {TOKENS}." if len(listed) > LISTED else ""
    title = "Tokens that look untrained" if any(row["looks"] for row in rows) else "Tokens that look least trained"
    note = f"The nearest to the unused first.{more}"
    return blocks.Table(title, columns, tuple(tuple(row.values()) for row in listed[:LISTED]), note=note)
