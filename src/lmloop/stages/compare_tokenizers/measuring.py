"""The measures of one tokenizer on groups of texts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lmloop.core.batch import meta_values
from lmloop.core.engine.shards import list_shards, read_shard
from lmloop.core.step import Context
from lmloop.kernels.tokenizing.formats import AnyTokenizer
from lmloop.kernels.tokenizing.linting import unreachable
from lmloop.kernels.tokenizing.measures import (
    Ratio,
    RoundTrip,
    Sizes,
    compare_ratios,
    digits_table,
    losses,
    ratio,
    renyi_efficiency,
    round_trip,
    sizes,
    whole_numbers,
)
from lmloop.kernels.tokenizing.sampling import group_names


@dataclass(frozen=True)
class Texts:
    """Texts by group; and for each, what pairs it with those that say the same in another group."""

    groups: Mapping[str, "pa.Array"]
    pairs: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, folders: Sequence[Path], keys: tuple[str, str], most: int, context: Context) -> "Texts":
        """Read the first ``most`` bytes of records; ``keys`` of meta give the group and the pair."""
        by, pair = keys
        texts: dict[str, list[str]] = {}
        pairs: dict[str, list[str]] = {}
        size = 0
        for shard in list_shards(folders):
            for batch in read_shard(shard.path):
                columns = (batch.column("text").to_pylist(), group_names(batch, by), meta_values(batch, pair))
                for text, group, same in zip(*columns, strict=True):
                    size += len((text or "").encode())
                    if not text or size > most:
                        continue
                    texts.setdefault(group, []).append(text)
                    pairs.setdefault(group, []).append("" if same is None else str(same))
        groups = {name: pa.array(texts[name], pa.large_string()) for name in sorted(texts)}
        return cls(groups, pairs)


@dataclass(frozen=True)
class Group:
    """A tokenizer on one group: ratios with their intervals, efficiencies, and texts that do not come back."""

    documents: int
    bytes_per_token: Ratio
    tokens_per_character: Ratio
    fertility: Ratio
    parity: Ratio | None
    renyi: float
    shannon: float
    lost: int


@dataclass(frozen=True)
class Measured:
    """A tokenizer on all groups, and what can be said of it alone."""

    ids: int
    groups: Mapping[str, Group]
    used: float
    renyi: float
    shannon: float
    digits: Mapping[int, float]
    whole_numbers: float
    round_trip: RoundTrip
    unreachable: int
    embedding: int
    sizes: Mapping[str, Sizes]

    def plain(self) -> dict[str, Any]:
        """Give all but the sizes of single documents, as JSON."""
        rows = {name: value for name, value in self.__dict__.items() if name not in ("sizes", "groups", "round_trip")}
        rows["round_trip"] = asdict(self.round_trip)
        rows["groups"] = {name: asdict(group) for name, group in self.groups.items()}
        found: dict[str, Any] = _finite(rows)
        return found


def measure(tokenizer: AnyTokenizer, texts: Texts, against: str, width: int) -> Measured:
    """Measure a tokenizer on all groups."""
    found = {name: sizes(tokenizer, column) for name, column in texts.groups.items()}
    counts = np.sum([group.counts for group in found.values()], axis=0)
    groups = {}
    for name, group in found.items():
        groups[name] = Group(
            len(group.tokens),
            ratio(group.bytes, group.tokens),
            ratio(group.tokens, group.characters),
            ratio(group.tokens, group.words),
            _parity(texts, found, name, against),
            renyi_efficiency(group.counts),
            renyi_efficiency(group.counts, 1.0),
            len(losses(tokenizer, texts.groups[name])),
        )
    return Measured(
        ids=tokenizer.vocab_size,
        groups=groups,
        used=float((counts > 0).mean()),
        renyi=renyi_efficiency(counts),
        shannon=renyi_efficiency(counts, 1.0),
        digits=digits_table(tokenizer),
        whole_numbers=whole_numbers(tokenizer),
        round_trip=round_trip(tokenizer),
        unreachable=len(unreachable(tokenizer, counts)),
        embedding=tokenizer.vocab_size * width,
        sizes=found,
    )


def against_first(first: Sizes, other: Sizes) -> Ratio:
    """Give the tokens of another tokenizer for one of the first, on the same documents."""
    return compare_ratios((other.tokens, other.bytes), (first.tokens, first.bytes))


def _parity(texts: Texts, found: Mapping[str, Sizes], name: str, against: str) -> Ratio | None:
    """Give the tokens of texts over those of the texts that say the same in another group."""
    if against not in found or name == against:
        return None
    theirs = {pair: n for n, pair in enumerate(texts.pairs[against]) if pair}
    rows = [(n, theirs[pair]) for n, pair in enumerate(texts.pairs[name]) if pair in theirs]
    if not rows:
        return None
    ours, others = np.array(rows).T
    return ratio(found[name].tokens[ours], found[against].tokens[others])


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
