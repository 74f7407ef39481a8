"""Tokenizers against those of others: speed of training and encoding, ids held against each other, drift of extensions.

Run it with ``python benchmarks/tokenizer.py FILES`` on text, Markdown or JSON Lines files (or folders of them); without
files, on the documentation of this Python installation. All back-ends see the same texts, in turn, several times;
the best CPU seconds of one process count. Packages that are not installed are left out.
"""

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from lmloop.core.part import build
from lmloop.core.reader import Reader
from lmloop.core.record import Record
from lmloop.faces.inputs import ingest_steps
from lmloop.kernels.text import text_buffer
from lmloop.kernels.tokenizing import Tokenizer, extending, folder, proving, sentencepieces, training
from lmloop.kernels.tokenizing.backends import BACKENDS, Flat, first_difference, split
from lmloop.kernels.tokenizing.counting import Counted, PieceCounter
from lmloop.kernels.tokenizing.cutting import known_cuts
from lmloop.kernels.tokenizing.patterns import pattern
from lmloop.kernels.tokenizing.scripts import Script, has_script, script
from lmloop.kernels.tokenizing.training import Plan
from lmloop.kernels.tokenizing.units import Goal

HELD = 0.1
LINE = "{:44}{:>10}{:>10}{:>10}   {}"
PRESET = pattern("gpt4")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--vocab", type=int, default=32_000)
    parser.add_argument("--train-mb", type=float, default=20.0)
    parser.add_argument("--encode-mb", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="train this one trainer in a process of its own, for its memory")
    options = parser.parse_args()
    texts = _texts(options.files)
    held, seen = texts[: int(HELD * len(texts))], texts[int(HELD * len(texts)) :]
    corpus = _upto(seen, options.train_mb)
    if options.only:
        _train_alone(options.only, corpus, options.vocab)
        return
    _table_training(corpus, options)
    plan = Plan(options.vocab, PRESET)
    _table_encoding(training.train(_counted(corpus, plan), plan), _upto(held, options.encode_mb), options.rounds)
    _table_drift(_upto(seen, min(options.train_mb, 10.0)), held)


def _texts(files: Sequence[str]) -> list[str]:
    specs = [step["reader"] for step in ingest_steps(files)] if files else ["python-docs"]
    found = []
    for spec in specs:
        reader = cast(Reader, build("readers", spec))
        for source in reader.sources(Path.cwd()):
            found += [item.text for item in reader.read(source) if isinstance(item, Record) and item.text]
    return [found[place] for place in np.random.default_rng(0).permutation(len(found)).tolist()]


def _upto(texts: Sequence[str], megabytes: float) -> list[str]:
    sizes = np.cumsum([len(text.encode()) for text in texts])
    return list(texts[: int(np.searchsorted(sizes, megabytes * 1e6)) + 1])


def _megabytes(texts: Sequence[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


def _counted(texts: Sequence[str], plan: Plan) -> Counted:
    counter = PieceCounter(known_cuts()[plan.pattern])
    for at in range(0, len(texts), 2000):
        counter.add(text_buffer(pa.array(texts[at : at + 2000], pa.large_string())))
    return counter.counted()


def _sentencepiece(texts: Sequence[str], vocab: int, kind: str = "bpe") -> bytes:
    import sentencepiece

    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for text in texts for line in text.splitlines() if line.strip()),
        model_writer=made,
        model_type=kind,
        vocab_size=vocab,
        byte_fallback=True,
        normalization_rule_name="identity",
        num_threads=1,
        hard_vocab_limit=False,
        max_sentence_length=1 << 16,
        minloglevel=2,
    )
    return made.getvalue()


def _trainers(texts: Sequence[str], vocab: int) -> dict[str, Callable[[], Any]]:
    plan = Plan(vocab, PRESET)
    return {
        "lmloop": lambda: training.train(_counted(texts, plan), plan),
        "tokenizers": lambda: training.train_reference(iter(texts), plan),
        "rustbpe": lambda: training.train_rust(iter(texts), plan),
        "sentencepiece": lambda: _sentencepiece(texts, vocab),
    }


def _train_alone(name: str, texts: Sequence[str], vocab: int) -> None:
    """Train once, after a warm-up on little text, and say how long it took, the memory and the merges as JSON."""
    _trainers(texts[:5], 400)[name]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    try:
        core = _trainers(texts, vocab)[name]()
    except Exception as bad:  # a package that is not there, or that refuses
        print(json.dumps({"failed": f"{type(bad).__name__}: {bad}"}))
        return
    seconds = time.process_time() - start
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    merges = json.loads(core.to_str())["model"]["merges"] if hasattr(core, "to_str") else []
    print(json.dumps({"seconds": seconds, "memory": memory, "merges": merges}))


def _table_training(texts: Sequence[str], options: argparse.Namespace) -> None:
    size = _megabytes(texts)
    print(f"\ntraining: {size:.1f} MB, {options.vocab:,} ids, each trainer in a process of its own\n")
    print(LINE.format("", "CPU s", "MB/s", "ratio", "more memory; merges beside the reference's"))
    best: dict[str, dict[str, Any]] = {}
    names = list(_trainers([], 0))
    for _ in range(options.rounds):
        for name in names:
            found = _run_alone(name, options)
            if "failed" in found or name not in best or found["seconds"] < best[name]["seconds"]:
                best[name] = found
    theirs = best["tokenizers"]
    for name, found in best.items():
        if "failed" in found:
            print(f"{name:44}{found['failed']}")
            continue
        same = _same_merges(found["merges"], theirs["merges"])
        told = f"{found['memory']:.0f} MiB; {same}"
        seconds = found["seconds"]
        ratio = theirs["seconds"] / seconds
        print(LINE.format(name, f"{seconds:.1f}", f"{size / seconds:.2f}", f"{ratio:.2f}x", told))


def _run_alone(name: str, options: argparse.Namespace) -> dict[str, Any]:
    settings = ["--vocab", str(options.vocab), "--train-mb", str(options.train_mb), "--only", name]
    command = [sys.executable, __file__, *settings, *options.files]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _same_merges(ours: list[Any], theirs: list[Any]) -> str:
    if not ours:
        return "another model"
    if ours == theirs:
        return f"all {len(ours):,} equal, in order"
    shared = len({tuple(pair) for pair in ours} & {tuple(pair) for pair in theirs})
    return f"{shared:,} of {len(theirs):,} shared"


def _table_encoding(core: Any, texts: Sequence[str], rounds: int) -> None:
    size, column = _megabytes(texts), pa.array(texts, pa.large_string())
    print(f"\nencoding: {size:.1f} MB that were not trained on, {core.get_vocab_size():,} ids, one process\n")
    print(LINE.format("", "CPU s", "MB/s", "ratio", "ids"))

    def encode_batch(column: pa.Array) -> Flat:
        core.encode_special_tokens = True
        rows = [item.ids for item in core.encode_batch(column.to_pylist(), add_special_tokens=False)]
        return np.concatenate([np.array(row, np.uint32) for row in rows]), np.array([len(row) for row in rows])

    made: dict[str, Callable[[pa.Array], Flat]] = {"tokenizers encode_batch": encode_batch}
    for name, back_end in BACKENDS.items():
        try:
            made["tokenizers encode_batch_fast" if name == "reference" else f"lmloop, {name}"] = back_end(core)
        except Exception as bad:
            print(f"{name}: {bad}")
    for encode in made.values():
        encode(column.slice(0, 20))
    best = dict.fromkeys(made, float("inf"))
    ids: dict[str, Flat] = {}
    for _ in range(rounds):
        for name, encode in made.items():
            start = time.process_time()
            ids[name] = encode(column)
            best[name] = min(best[name], time.process_time() - start)
    first = best["tokenizers encode_batch"]
    for name, seconds in best.items():
        different = first_difference(ids[name], ids["tokenizers encode_batch"])
        told = "equal" if different is None else f"differ, first in text {different}"
        print(LINE.format(name, f"{seconds:.2f}", f"{size / seconds:.2f}", f"{first / seconds:.1f}x", told))


def _table_drift(texts: Sequence[str], held: Sequence[str]) -> None:
    """Extend an English tokenizer by Chinese pieces in several ways, and look at English lines that it has not seen."""
    han = script("Han")
    plain = [text for text in texts if not has_script(text, han)]
    lines = [line for text in held for line in text.splitlines() if line and not has_script(line, han)][:100_000]
    chinese = [text for text in held if has_script(text, han)]
    if not chinese or not plain:
        print("\nno drift table: the texts must be in English and in Chinese")
        return
    print(f"\nextending: {len(lines):,} held-out lines without a Han character\n")
    print(LINE.format("", "added", "changed", "no reach", "tokens per character of Chinese text, before and after"))
    for name, base, new in (
        *_byte_level(plain, texts, han),
        *_pieces(plain, texts, han),
        *_unigrams(plain, texts, han),
    ):
        before, after = (split(item.encode_column(pa.array(lines, pa.large_string()))) for item in (base, new))
        changed = np.mean([not np.array_equal(a, b) for a, b in zip(before, after, strict=True)])
        lost = len(proving.new_unreachable(new, base.vocab_size, None))
        column = pa.array(chinese, pa.large_string())
        size = sum(map(len, chinese))
        counts = [int(item.encode_column(column)[1].sum()) / size for item in (base, new)]
        told = f"{counts[0]:.3f} {counts[1]:.3f}"
        print(LINE.format(name, new.vocab_size - base.vocab_size, f"{changed:.2%}", lost, told))


def _byte_level(plain: Sequence[str], texts: Sequence[str], han: Script) -> Iterator[tuple[str, Any, Any]]:
    plan = Plan(8000, PRESET)
    base = _saved(training.train(_counted(plain, plan), plan))
    other = training.train(_counted(texts, plan), plan)
    content, donor = json.loads(base.core.to_str()), json.loads(other.to_str())
    vocab = content["model"]["vocab"]
    vocab.update({token["content"]: token["id"] for token in content["added_tokens"]})
    for token in donor["model"]["vocab"]:
        vocab.setdefault(token, len(vocab))
    known = {tuple(pair) for pair in content["model"]["merges"]}
    content["model"]["merges"] += [pair for pair in donor["model"]["merges"] if tuple(pair) not in known]
    naive = type(base.core).from_str(json.dumps(content))
    yield "byte level: append all merges of another", base, Tokenizer(naive, base.config, "")
    counted = _counted(texts, plan)
    addition = extending.learn_addition(base, counted, Goal(4000, han))
    addition, _ = extending.reachable_only(base, addition, extending.with_script(counted, han))
    yield "byte level: lmloop", base, _saved(extending.extended(base, addition, 64))


def _pieces(plain: Sequence[str], texts: Sequence[str], han: Script) -> Iterator[tuple[str, Any, Any]]:
    model, other = _sentencepiece(plain, 8000), _sentencepiece(texts, 8000)
    base, donor = sentencepieces.open_model(model), sentencepieces.open_model(other)
    known = {base.model.id_to_piece(n) for n in range(base.vocab_size)}
    extra = [piece for n in range(donor.vocab_size) if (piece := donor.model.id_to_piece(n)) not in known]
    naive = sentencepieces.append(model, [(piece, 0.0) for piece in extra])
    yield "SentencePiece: append all pieces, score 0", base, sentencepieces.open_model(naive)
    only = [piece for piece in extra if has_script(piece, han) and not any(c.isascii() and c.isalpha() for c in piece)]
    some = sentencepieces.append(model, [(piece, 0.0) for piece in only])
    yield "SentencePiece: pieces with Han, score 0", base, sentencepieces.open_model(some)
    pieces, _ = sentencepieces.learn_pieces(model, texts, Goal(4000, han))
    yield "SentencePiece: lmloop", base, sentencepieces.open_model(sentencepieces.below_all(model, pieces))


def _unigrams(plain: Sequence[str], texts: Sequence[str], han: Script) -> Iterator[tuple[str, Any, Any]]:
    model, other = _sentencepiece(plain, 8000, "unigram"), _sentencepiece(texts, 8000, "unigram")
    base, donor = sentencepieces.open_model(model), sentencepieces.open_model(other)
    known = {base.model.id_to_piece(n) for n in range(base.vocab_size)}
    extra = [n for n in range(donor.vocab_size) if donor.model.id_to_piece(n) not in known]
    naive = sentencepieces.append(model, [(donor.model.id_to_piece(n), donor.model.get_score(n)) for n in extra])
    yield "unigrams: append all pieces, their scores", base, sentencepieces.open_model(naive)
    pieces, _ = sentencepieces.learn_unigrams(model, texts, Goal(4000, han))
    yield "unigrams: lmloop", base, sentencepieces.open_model(sentencepieces.append(model, pieces))


def _saved(core: Any) -> Tokenizer:
    with tempfile.TemporaryDirectory() as place:
        folder.write(core, Path(place), folder.config([]), "")
        return Tokenizer.load(Path(place))


if __name__ == "__main__":
    main()
