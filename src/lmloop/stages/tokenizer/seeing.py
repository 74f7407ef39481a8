"""What a person is shown of a tokenizer that was trained: the sample, the tokens, and what is odd about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lmloop.kernels.text import Integers
from lmloop.kernels.tokenizing import Tokenizer
from lmloop.kernels.tokenizing.byte_pairs import byte_pairs
from lmloop.kernels.tokenizing.errors import Unsupported
from lmloop.kernels.tokenizing.linting import REASONS, Finding, by_reason, lint, shown, typed_specials
from lmloop.kernels.tokenizing.measures import ALPHA, RoundTrip, digits_table, renyi_efficiency, round_trip
from lmloop.kernels.tokenizing.sampling import Share
from lmloop.report import blocks

SHOWN = 60


@dataclass(frozen=True, slots=True)
class Seen:
    """Blocks for the report, and numbers for the card."""

    blocks: list[blocks.Block]
    metrics: Mapping[str, float | int | str]


def describe(tokenizer: Tokenizer, counts: Integers, taken: Sequence[Share]) -> Seen:
    """Say what there is to see of a trained tokenizer and the counts of its ids in the sample."""
    learned = np.array([token is not None for token in tokenizer.tokens])
    size = sum((len(token) * int(counts[n]) for n, token in enumerate(tokenizer.tokens) if token), 0)
    found = lint(tokenizer, counts, _parents(tokenizer))
    trip = round_trip(tokenizer)
    metrics = {
        "tokens": int(learned.sum()),
        "bytes_per_token": round(size / max(int(counts.sum()), 1), 4),
        "renyi_efficiency": round(renyi_efficiency(counts), 4),
        "shannon_efficiency": round(renyi_efficiency(counts, 1.0), 4),
        "unused": by_reason(found)["unused"],
        "unreachable": by_reason(found)["unreachable"],
        "lost_characters": trip.lost + trip.texts_lost,
    }
    shown_blocks = [
        _numbers(tokenizer, metrics, trip),
        _sample(taken),
        _spread(tokenizer, counts),
        _lengths(tokenizer, counts),
        _digits(tokenizer),
        _findings(found),
        _examples(tokenizer, counts),
        _specials(tokenizer),
    ]
    return Seen(shown_blocks, metrics)


def _parents(tokenizer: Tokenizer) -> list[tuple[int, int]]:
    try:
        pairs = byte_pairs(tokenizer.core)
    except Unsupported:
        return []
    return [(part, whole) for pair, whole in zip(pairs.pairs, pairs.made, strict=True) for part in pair]


def _numbers(tokenizer: Tokenizer, metrics: Mapping[str, float | int], trip: RoundTrip) -> blocks.Block:
    lost = f"of {trip.characters:,} characters and {trip.texts} random texts"
    figures = (
        blocks.Figure("ids", tokenizer.vocab_size, caption="special and spare ones included"),
        blocks.Figure("bytes per token", metrics["bytes_per_token"], caption="in the training sample"),
        blocks.Figure("Rényi efficiency", metrics["renyi_efficiency"], caption=f"order {ALPHA}"),
        blocks.Figure("Shannon efficiency", metrics["shannon_efficiency"]),
        blocks.Figure("unused tokens", metrics["unused"], caption="in the training sample"),
        blocks.Figure("unreachable tokens", metrics["unreachable"]),
        blocks.Figure("lost in a round trip", metrics["lost_characters"], caption=lost),
    )
    return blocks.Numbers("The tokenizer", figures)


def _sample(taken: Sequence[Share]) -> blocks.Block:
    rows = tuple(
        (share.group, share.documents, round(share.there / 1e6, 3), round(share.taken / 1e6, 3), _percent(share))
        for share in taken
    )
    return blocks.Table("What it was trained on", ("group", "documents", "MB", "MB taken", "% taken"), rows)


def _percent(share: Share) -> float:
    return round(100 * share.taken / max(share.there, 1), 1)


def _spread(tokenizer: Tokenizer, counts: Integers) -> blocks.Block:
    ordered = np.sort(counts[counts > 0])[::-1]
    places = np.unique(np.geomspace(1, max(len(ordered), 1), 200).astype(np.int64)) if len(ordered) else np.array([])
    line = blocks.Line("count", tuple(places.tolist()), tuple(int(ordered[place - 1]) for place in places))
    return blocks.Curve("How often tokens occur", (line,), "rank", "times in the sample", x_log=True, y_log=True)


def _lengths(tokenizer: Tokenizer, counts: Integers) -> blocks.Block:
    lengths = np.array([len(token) if token else 0 for token in tokenizer.tokens])
    most = int(np.minimum(lengths.max(initial=1), 24))
    kinds = np.bincount(np.minimum(lengths[lengths > 0], most), minlength=most + 1)[1:]
    names = [f"{size}" for size in range(1, most)] + [f"{most} or more"]
    series = blocks.Series("tokens", tuple(kinds.tolist()))
    return blocks.Bars("Tokens by their bytes", tuple(names), (series,))


def _digits(tokenizer: Tokenizer) -> blocks.Block:
    rows = tuple((f"{size} digits", round(mean, 2)) for size, mean in digits_table(tokenizer).items())
    return blocks.Table("Numbers", ("numbers of", "tokens on average"), rows)


def _findings(found: Sequence[Finding]) -> blocks.Block:
    totals = by_reason(found)
    note = "; ".join(f"{reason}: {totals[reason]} ({REASONS[reason]})" for reason in REASONS if totals[reason])
    order = sorted(found, key=lambda finding: (list(REASONS).index(finding.reason), finding.count, finding.id))
    rows: list[tuple[blocks.Cell, ...]] = []
    for reason in REASONS:
        some = [finding for finding in order if finding.reason == reason][:SHOWN]
        rows += [(item.reason, item.id, item.token, item.count, item.detail) for item in some]
    columns = ("reason", "id", "token", "count", "beside")
    return blocks.Table("Tokens to look at", columns, tuple(rows), note=note or "nothing was found")


def _examples(tokenizer: Tokenizer, counts: Integers) -> blocks.Block:
    tokens = tokenizer.tokens
    frequent = sorted((n for n, token in enumerate(tokens) if token), key=lambda n: (-counts[n], n))[:80]
    long = sorted((n for n, token in enumerate(tokens) if token), key=lambda n: (-len(tokens[n] or b""), n))[:40]
    han = [n for n, token in enumerate(tokens) if token and _is_han(token)]
    han = sorted(han, key=lambda n: (-len(tokens[n] or b""), -counts[n], n))[:60]
    lists = {"the most frequent": frequent, "the longest": long, "the longest of Han characters": han}
    passages = tuple(
        blocks.Passage("  ".join(shown(tokens[n]) for n in members), label, code=True)
        for label, members in lists.items()
        if members
    )
    return blocks.Text("Some tokens", passages, note="␣ is a space")


def _is_han(token: bytes) -> bool:
    text = token.decode(errors="replace")
    return len(text) > 1 and all("\u4e00" <= letter <= "\u9fff" for letter in text)


def _specials(tokenizer: Tokenizer) -> blocks.Block:
    added = tokenizer.core.get_added_tokens_decoder()
    names = [token.content for token in added.values() if token.special]
    typed = len(typed_specials(tokenizer.core, names))
    rows = tuple((number, added[number].content) for number in sorted(added))
    note = f"{typed} would be made by who types their names; lmloop reads those as plain text"
    return blocks.Table("Special tokens", ("id", "name"), rows, note=note)
