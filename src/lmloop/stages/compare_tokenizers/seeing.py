"""What a person is shown of tokenizers side by side."""

import time
from collections.abc import Mapping

import pyarrow as pa

from lmloop.kernels.tokenizing.formats import AnyTokenizer
from lmloop.kernels.tokenizing.measures import ALPHA, Ratio
from lmloop.report import blocks
from lmloop.stages.compare_tokenizers.measuring import Measured, Texts, against_first

WORST = {
    "a, a million times": "a" * 1_000_000,
    "spaces": " " * 1_000_000,
    "中, 300,000 times": "中" * 300_000,
    "random letters": "".join(chr(97 + n * n * 7919 % 26) for n in range(1_000_000)),
}
"""Texts of one megabyte that make some encoders slow."""


def describe(tokenizers: Mapping[str, AnyTokenizer], found: Mapping[str, Measured], texts: Texts) -> list[blocks.Block]:
    """Draw the comparison."""
    return [
        _headline(found),
        _whole(found),
        _bars(found, "Bytes per token by group", "bytes_per_token", "more is better"),
        _bars(found, "Tokens per word (fertility)", "fertility", "fewer is better"),
        _groups(found),
        _beside(found),
        _digits(found),
        _speed(tokenizers, texts),
        _cuts(tokenizers, texts),
    ]


def _headline(found: Mapping[str, Measured]) -> blocks.Block:
    """Give the one figure of each tokenizer and group that a terminal has room for."""
    figures = tuple(
        blocks.Figure(
            f"{name}, {group}",
            round(row.bytes_per_token.value, 3),
            caption=f"{row.bytes_per_token.low:.3f} to {row.bytes_per_token.high:.3f}",
        )
        for name, measured in found.items()
        for group, row in measured.groups.items()
    )
    return blocks.Numbers("Bytes per token", figures[:12], note="the interval is that of other draws of documents")


def _whole(found: Mapping[str, Measured]) -> blocks.Block:
    columns = (
        *("tokenizer", "ids", "% used", f"Rényi ({ALPHA})", "Shannon", "000-999 in one token, %"),
        *("characters lost", "texts lost", "unreachable", "embedding, million weights"),
    )
    rows = tuple(
        (
            *(name, row.ids, round(100 * row.used, 1), round(row.renyi, 3), round(row.shannon, 3)),
            round(100 * row.whole_numbers, 1),
            row.round_trip.lost,
            sum(group.lost for group in row.groups.values()),
            row.unreachable,
            round(row.embedding / 1e6, 2),
        )
        for name, row in found.items()
    )
    characters = next(iter(found.values())).round_trip.characters
    note = f"characters lost: of all {characters:,} of Unicode; a token that occurred counts as reachable"
    return blocks.Table("Tokenizers side by side", columns, rows, note=note)


def _bars(found: Mapping[str, Measured], title: str, field: str, note: str) -> blocks.Block:
    names = tuple(next(iter(found.values())).groups)
    series = tuple(
        blocks.Series(name, tuple(round(getattr(row.groups[group], field).value, 4) for group in names))
        for name, row in found.items()
    )
    return blocks.Bars(title, names, series, note=note)


def _groups(found: Mapping[str, Measured]) -> blocks.Block:
    columns = (
        *("group", "tokenizer", "documents", "bytes per token", "95 %", "tokens per character", "95 %"),
        *("fertility", "95 %", "parity", "95 %", "Rényi", "Shannon"),
    )
    rows: list[tuple[blocks.Cell, ...]] = []
    for group in next(iter(found.values())).groups:
        for name, measured in found.items():
            row = measured.groups[group]
            ratios = (row.bytes_per_token, row.tokens_per_character, row.fertility, row.parity)
            cells = [cell for item in ratios for cell in _cells(item)]
            rows.append((group, name, row.documents, *cells, round(row.renyi, 3), round(row.shannon, 3)))
    note = (
        "95 %: what 1,000 resamples of the documents give; parity: tokens for those of the same text in the other group"
    )
    return blocks.Table("By group", columns, tuple(rows), note=note)


def _beside(found: Mapping[str, Measured]) -> blocks.Block:
    first = next(iter(found))
    rows: list[tuple[blocks.Cell, ...]] = []
    for name, measured in found.items():
        groups = measured.groups if name != first else ()
        ratios = {group: against_first(found[first].sizes[group], measured.sizes[group]) for group in groups}
        rows += [(group, name, *_cells(item)) for group, item in ratios.items()]
    note = f"tokens for each token of {first}, on the same documents: less than 1 is better than {first}"
    return blocks.Table("Against the first", ("group", "tokenizer", "ratio", "95 %"), tuple(rows), note=note)


def _digits(found: Mapping[str, Measured]) -> blocks.Block:
    columns = ("tokenizer", *(f"{size} digits" for size in range(1, 5)))
    rows: list[tuple[blocks.Cell, ...]] = [
        (name, *(round(row.digits[size], 2) for size in range(1, 5))) for name, row in found.items()
    ]
    return blocks.Table("Tokens of a number, on average", columns, tuple(rows))


def _speed(tokenizers: Mapping[str, AnyTokenizer], texts: Texts) -> blocks.Block:
    """Time the texts, and inputs of one megabyte that were made to be slow."""
    columns = ("tokenizer", "these texts, MB/s", *(f"{name}, s" for name in WORST))
    sample = pa.concat_arrays([column.slice(0, 2000) for column in texts.groups.values()])
    rows = []
    for name, tokenizer in tokenizers.items():
        size = sum(len(text.encode()) for text in sample.to_pylist()) / 1e6
        cells: list[blocks.Cell] = [name, round(size / _seconds(tokenizer, sample), 2)]
        cells += [round(_seconds(tokenizer, pa.array([text], pa.large_string())), 3) for text in WORST.values()]
        rows.append(tuple(cells))
    return blocks.Table("Speed, and inputs made to be slow", columns, tuple(rows), note="CPU seconds of one process")


def _seconds(tokenizer: AnyTokenizer, column: "pa.Array") -> float:
    start = time.process_time()
    tokenizer.encode_column(column)
    return max(time.process_time() - start, 1e-9)


def _cuts(tokenizers: Mapping[str, AnyTokenizer], texts: Texts) -> blocks.Block:
    """Show how each cuts the beginning of a text of each group."""
    passages = []
    for group, column in texts.groups.items():
        text = column[0].as_py()[:160]
        for name, tokenizer in tokenizers.items():
            ids, _ = tokenizer.encode_column(pa.array([text], pa.large_string()))
            parts = [tokenizer.tokens[number] or b"?" for number in ids.tolist()]
            cut = "|".join(part.decode(errors="replace") for part in parts)
            passages.append(blocks.Passage(cut, f"{group}, {name}: {len(parts)} tokens", code=True))
    return blocks.Text("How a text is cut", tuple(passages))


def _cells(item: Ratio | None) -> tuple[blocks.Cell, blocks.Cell]:
    if item is None:
        return None, None
    return round(item.value, 3), f"{item.low:.3f} to {item.high:.3f}"
