"""What became of what was planted: read from the folders of a finished curation and of the step before it."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from planted import LEAKS, LEVELS, SPANS, UNIT
from pyarrow import parquet

NAME = re.compile(r"d\d{7}")
PROMISED = (14, 8)
"""Bands and rows of the MinHash that the recipe has."""
AS_IT_IS = ("jsonl", "jsonl.gz", "jsonl.zst", "parquet", "csv", "text", "md")
"""Formats that give the very text: of a page only the main text is read, and of a chat the reply."""
LEAST, SHORTEST = 13, 50
"""Words in a row that make a leak, and units that make a repeated span."""


class Fates:
    """Where each planted document is: kept, or dropped by which op for which reason."""

    def __init__(self, run: Path) -> None:
        self.card = json.loads((run / "run.json").read_text(encoding="utf-8"))
        self.ops = [op["use"] if isinstance(op, dict) else op for op in self.card["settings"]["ops"]]
        self.kept: dict[str, str] = {}
        self.dropped: dict[str, tuple[str, str]] = {}
        self.others = 0
        for name, row in _rows(run / "data", ["id", "meta", "text"]):
            self.others += not name
            if name:
                self.kept[name] = row["text"]
        for name, row in _rows(run / "dropped", ["id", "meta", "drop.op", "drop.reason"]):
            self.others += not name
            if name:
                self.dropped[name] = (row["drop.op"], row["drop.reason"])

    def reached(self, name: str, op: str) -> bool:
        """Say whether a document came as far as an op."""
        if name in self.kept:
            return True
        return name in self.dropped and self.ops.index(self.dropped[name][0]) >= self.ops.index(op)

    def went_by(self, name: str, *ops: str) -> bool:
        """Say whether one of some ops dropped a document."""
        return name in self.dropped and self.dropped[name][0] in ops


def _rows(folder: Path, columns: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(folder.glob("*.parquet")):
        for batch in parquet.ParquetFile(file).iter_batches(4096, columns=columns):
            for row in batch.to_pylist():
                found = NAME.search(row["meta"] or "") or NAME.search(row["id"])
                yield (found.group() if found else ""), row


def check(gold_file: Path, broken_file: Path, run: Path) -> Iterator[str]:
    """Give the lines of the report."""
    gold = {row["doc"]: row for row in map(json.loads, gold_file.open(encoding="utf-8"))}
    fates = Fates(run)
    yield from _accounts(gold, fates)
    yield from _copies(gold, fates)
    yield from _false_copies(gold, fates)
    if "exact-substring" in fates.ops:
        yield from _spans(gold, fates)
    if "decontaminate" in fates.ops:
        yield from _leaks(gold, fates)
    yield from _rejects(run.parent, fates, json.loads(broken_file.read_text(encoding="utf-8")))


def _accounts(gold: dict[str, Any], fates: Fates) -> Iterator[str]:
    there = fates.kept.keys() | fates.dropped.keys()
    lost = Counter(row["file"] for name, row in gold.items() if name not in there)
    both = len(fates.kept.keys() & fates.dropped.keys())
    kept, dropped = len(fates.kept), len(fates.dropped)
    yield f"planted {len(gold):,}: kept {kept:,}, dropped {dropped:,}, both {both}, lost {dict(lost)}"
    whole = {name: value for name, value in fates.card["metrics"].items() if isinstance(value, int) and "/" not in name}
    yield f"rows of the card: {whole}; not planted {fates.others}"
    drops = Counter(op for op, _ in fates.dropped.values())
    yield "dropped by " + ", ".join(f"{op} {drops[op]:,}" for op in fates.ops if drops[op])


def _copies(gold: dict[str, Any], fates: Fates) -> Iterator[str]:
    """Recall by likeness, where both of a pair came as far as MinHash, beside what is promised."""
    for lang in ("en", "zh"):
        for level in (1.0, *LEVELS):
            found = total = 0
            promised = 0.0
            kind = "exact" if level == 1 else "near"
            first = "exact" if level == 1 and "exact" in fates.ops else "minhash"
            for name, row in gold.items():
                if (row["kind"], row["lang"], row["level"]) != (kind, lang, level):
                    continue
                if not all(gold[one]["file"] in AS_IT_IS and fates.reached(one, first) for one in (name, row["of"])):
                    continue
                total += 1
                found += any(fates.went_by(one, "exact", "minhash") for one in (name, row["of"]))
                likeness = row.get("likeness", 1.0)
                promised += 1 - (1 - likeness ** PROMISED[1]) ** PROMISED[0]
            share, promise = found / max(total, 1), promised / max(total, 1)
            yield f"{kind} copies, {lang}, {level}: {found} of {total}: {share:.3f}, {promise:.3f} promised"


def _false_copies(gold: dict[str, Any], fates: Fates) -> Iterator[str]:
    """Rows that went as copies though nothing like them was planted; real texts have copies of their own."""
    twins: set[str] = set()
    for name, row in gold.items():
        if row["kind"] in ("near", "exact", "span"):
            twins |= {name, row["of"]}
    for kind in ("alone", "leak", "raw"):
        some = [name for name, row in gold.items() if row["kind"] == kind and name not in twins]
        gone = [name for name in some if fates.went_by(name, "exact", "minhash")]
        yield f"went as copies without a planted twin, {kind}: {len(gone):,} of {len(some):,} {gone[:5]}"


def _spans(gold: dict[str, Any], fates: Fates) -> Iterator[str]:
    """Of pairs that share a span and are both kept: in how many one was cut."""
    for lang in ("en", "zh"):
        said = []
        for length in SPANS:
            pairs = [
                (name, row["of"])
                for name, row in gold.items()
                if (row["kind"], row["lang"], row["level"]) == ("span", lang, length)
                and row["of"] in gold
                and name in fates.kept
                and row["of"] in fates.kept
            ]
            cut = sum(not (_whole(fates.kept[one], length) and _whole(fates.kept[two], length)) for one, two in pairs)
            said.append(f"{length}: {cut} of {len(pairs)}")
        yield f"shared spans cut, {lang} ({SHORTEST} units and more must be): " + ", ".join(said)


def _whole(text: str, length: int) -> bool:
    """Say whether the span of a document is still in its text, between the two marks that are its own."""
    found = re.search(r"d\d{7} (.*?) x\d+x", text, re.S)
    return found is not None and len(UNIT.findall(found.group(1))) >= length


def _leaks(gold: dict[str, Any], fates: Fates) -> Iterator[str]:
    """Leaks found, by kind; those that share fewer words in a row than are looked for may stay."""
    for lang in ("en", "zh"):
        for note in LEAKS:
            counts: dict[bool, Counter[bool]] = defaultdict(Counter)
            for name, row in gold.items():
                if (row["kind"], row["lang"], row["note"]) == ("leak", lang, note) and fates.reached(
                    name, "decontaminate"
                ):
                    counts[row["shared"] >= LEAST][fates.went_by(name, "decontaminate")] += 1
            must, may = counts[True], counts[False]
            few = f"with fewer than {LEAST} words in a row {may[True]} of {may.total()}"
            yield f"leaks, {lang}, {note}: {must[True]} of {must.total()}; {few}"
    for kind in ("alone", "raw"):
        some = [n for n, row in gold.items() if row["kind"] == kind and fates.reached(n, "decontaminate")]
        hits = [name for name in some if fates.went_by(name, "decontaminate")]
        yield f"found leaking without a planted leak, {kind}: {len(hits)} of {len(some):,} {hits[:5]}"


def _rejects(home: Path, fates: Fates, broken: dict[str, str]) -> Iterator[str]:
    raw = (
        next(iter(fates.card["parents"].values()))
        if isinstance(fates.card["parents"], dict)
        else fates.card["parents"][0]
    )
    folder = next(home.glob(f"*{raw}*"))
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for line in (folder / "rejects.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        file = re.split(r"[:#]\d", row["source"])[0].rsplit("/", 1)[-1]
        said[file][row["reason"]] += 1
    for name, expected in broken.items():
        mark = "" if not expected or expected in said[name] else "  <-- expected " + expected
        yield f"broken: {name}: {dict(said.pop(name, Counter()))}{mark}"
    yield f"rejects of files that are not broken: { {name: dict(some) for name, some in said.items() if some} }"
