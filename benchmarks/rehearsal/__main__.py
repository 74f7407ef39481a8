"""A rehearsal on half a gigabyte: a corpus with planted copies, leaks and broken files, and what curation made of it.

``python benchmarks/rehearsal build --texts TEXTS.jsonl --benchmarks FOLDER --out CORPUS`` writes the corpus from real
texts (JSON Lines with ``text``, English and Chinese; FOLDER has ``gsm8k/test.jsonl`` and ``cmmlu/test/*.csv``). Then
``lmloop run benchmarks/rehearsal/recipe.toml --set 'raw.reader.files=["CORPUS/files"]' --set
'clean.ops.decontaminate.against=["FOLDER/gsm8k/test.jsonl", "FOLDER/cmmlu/test"]'`` (absolute paths) curates it, and
``python benchmarks/rehearsal check --out CORPUS --run runs/clean-...`` says what became of what was planted: recall and
false hits by likeness, beside what MinHash promises, spans by length, leaks by kind, and whether every row is accounted
for.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from files import Shelf, break_some, write_lines
from found import check
from planted import Maker, Sentences, benchmark_questions, plan

GOLD, BROKEN = "gold.jsonl", "broken.json"


def main() -> None:
    """Build a corpus, or check what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("do", choices=("build", "check"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--texts", type=Path, nargs="+", default=[])
    parser.add_argument("--benchmarks", type=Path)
    parser.add_argument("--docs", type=int, default=150_000)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", type=Path, help="the folder of the finished curation")
    options = parser.parse_args()
    if options.do == "build":
        build(options)
    else:
        for line in check(options.out / GOLD, options.out / BROKEN, options.run):
            print(line)


def build(options: argparse.Namespace) -> None:
    """Write the corpus into ``files``, and beside it what was planted."""
    maker = Maker(Sentences(options.texts), benchmark_questions(options.benchmarks), options.seed)
    shelf = Shelf(options.out / "files", options.seed)
    gold, size = [], 0
    for doc in plan(options.docs, options.pairs, options.seed):
        text = maker.text(doc)
        size += len(text.encode())
        row: dict[str, Any] = {
            "doc": doc.name,
            "lang": doc.lang,
            "kind": doc.kind,
            "of": f"d{doc.of:07d}",
            "note": doc.note,
        }
        row |= {"file": shelf.put(doc.name, text, doc.lang), "level": doc.level}
        if doc.kind == "near":
            row["likeness"] = maker.likeness(doc)
        if doc.kind == "leak":
            row["shared"] = maker.leak(doc)[1]
        gold.append(row)
    shelf.close()
    write_lines(options.out / GOLD, gold)
    broken = break_some(options.out / "files" / "broken 坏", maker.sentences.raw[0])
    (options.out / BROKEN).write_text(json.dumps(broken, ensure_ascii=False), encoding="utf-8")
    print(f"{len(gold):,} documents, {size / 1e6:.0f} MB of text")


if __name__ == "__main__":
    main()
