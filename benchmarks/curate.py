"""Curation beside datatrove and data-juicer, on one core and the same corpus: MB/s of text, memory, same decisions.

Run it with ``python benchmarks/curate.py --corpus FILE``, a JSONL file with ``id`` and ``text``, or a folder of text
files to make one of. Peers are installed into environments of their own under ``--scratch`` (kept for the next time);
``--data-juicer`` asks for data-juicer too, which brings some 6 GB. One that cannot be installed is left out, which is
said.

Peers are slow: they get the first ``--sample`` megabytes of the corpus, on which filters take turns and decisions are
compared; whole processes of ours get the first ``--megabytes`` (0: all). MB are millions of bytes of UTF-8 text. Rates
are by CPU seconds: inside the process for filters, of whole processes for what reads and writes files. Kernels are
compiled before, but for the rows that say so.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PEERS = HERE / "peers"
BATCH = 8 << 20
FILTERS = ("gopher-quality", "gopher-repetition", "fineweb-quality", "c4")
DATATROVE = ("datatrove[io,processing]==0.10.*", "spacy==3.8.*")
DATA_JUICER = ("py-data-juicer==1.6.*", "aiohttp")

# datatrove's names of the reasons, in the order of ours.
REASONS = {
    "gopher-quality": "short_doc long_doc below_avg_threshold above_avg_threshold too_many_hashes too_many_ellipsis "
    "too_many_bullets too_many_end_ellipsis below_alpha_threshold enough_stop_words",
    "gopher-repetition": "dup_para_frac dup_para_char_frac dup_line_frac dup_line_char_frac top_2_gram top_3_gram "
    "top_4_gram duplicated_5_n_grams duplicated_6_n_grams duplicated_7_n_grams duplicated_8_n_grams "
    "duplicated_9_n_grams duplicated_10_n_grams empty",
    "fineweb-quality": "empty line_punct_ratio short_line_ratio char_dup_ratio list_ratio",
    "c4": "lorem_ipsum curly_bracket too_few_sentences",
}


@dataclass(frozen=True)
class Ran:
    """What a process took: CPU and wall seconds, its largest resident memory in MB, and what it printed."""

    cpu: float
    wall: float
    memory: float
    out: str


@dataclass(frozen=True)
class Corpus:
    """A sample on which peers and we take turns, the whole, and how many MB of text each holds."""

    sample: Path
    sample_mb: float
    whole: Path
    whole_mb: float


def main() -> None:
    """Measure and print a table."""
    options = _options()
    if options.do:
        return DOES[options.do](options)
    options.scratch.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(
        *take(options.corpus, options.scratch, options.sample),
        *take(options.corpus, options.scratch, options.megabytes),
    )
    print(f"corpus: {corpus.whole_mb:.1f} MB of text, {corpus.sample_mb:.1f} for peers", flush=True)
    print(f"{os.cpu_count()} cores; Python {sys.version.split()[0]}", flush=True)
    datatrove = environment(options.scratch / "datatrove", DATATROVE)
    juicer = environment(options.scratch / "data-juicer", DATA_JUICER) if options.data_juicer else None
    for name in options.only or tuple(ROWS):
        with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
            peer = juicer if name == "data-juicer" else datatrove
            for line in ROWS[name](corpus, peer, Path(folder)):
                print(line, flush=True)
    return None


def filters(corpus: Corpus, peer: Path | None, folder: Path) -> list[str]:
    """Give the rows of the filters in memory, and how far decisions agree."""
    us = [json.loads(ours("filters", corpus.sample, folder).out) for _ in range(2)]
    them = ran([peer, PEERS / "datatrove_filters.py", corpus.sample]) if peer else None
    us.append(json.loads(ours("filters", corpus.sample, folder).out))
    theirs = json.loads(them.out.splitlines()[-1]) if them else None
    lines = []
    for label, ops in {
        "Gopher quality + repetition": FILTERS[:2],
        "the same + FineWeb": FILTERS[:3],
        "C4": FILTERS[3:],
    }.items():
        best = {
            words: corpus.sample_mb / min(sum(one[words][op] for op in ops) for one in us)
            for words in ("unicode", "spacy-en")
        }
        rate = 0.0
        if theirs:
            words = theirs["seconds"]["words"] if ops != FILTERS[3:] else 0
            rate = corpus.sample_mb / (words + sum(theirs["seconds"][op] for op in ops))
        lines.append(row(f"{label}, unicode words", best["unicode"]))
        lines.append(row(f"{label}, datatrove's words", best["spacy-en"], rate))
    lines.append(
        f"| memory of the filters' process | {us[0]['memory']:.0f} MB | {them.memory if them else 0:.0f} MB | |"
    )
    return [*lines, *(agreement(us[0]["decisions"], theirs["decisions"]) if theirs else [])]


def agreement(us: list[dict[str, str]], them: list[dict[str, str]]) -> list[str]:
    """Give a row for each filter: on how many documents decision and reason (and text) are the same."""
    lines = []
    for op in FILTERS:
        names = ["", *(f"gopher_{n}" if op == "gopher-quality" else n for n in REASONS[op].split())]
        same = sum(
            names[int(a[op])] == b[op] and (op != "c4" or a.get("text") == b.get("text"))
            for a, b in zip(us, them, strict=True)
        )
        kept = sum(not b[op] for b in them)
        lines.append(f"| {op}: decision and reason the same | {same} of {len(us)} documents ({kept} kept) | | |")
    return lines


def chain(corpus: Corpus, peer: Path | None, folder: Path) -> list[str]:
    """Give the rows of FineWeb's chain, files to files, whole processes."""
    first = ours("chain", corpus.whole, folder / "first", LMLOOP_KERNELS="jit", NUMBA_CACHE_DIR=str(folder / "cache"))
    again = min((ours("chain", corpus.whole, folder / f"again{n}") for n in range(2)), key=lambda one: one.cpu)
    them = ran([peer, PEERS / "datatrove_chain.py", corpus.sample, folder / "them"]) if peer else None
    rate = corpus.sample_mb / them.cpu if them else 0.0
    return [
        row("FineWeb's chain, JSONL to Parquet, whole process", corpus.whole_mb / again.cpu, rate),
        row("the same, first run where numba compiles kernels on use", corpus.whole_mb / first.cpu, rate),
        f"| memory of the chain | {again.memory:.0f} MB | {them.memory if them else 0:.0f} MB | |",
    ]


def minhash(corpus: Corpus, peer: Path | None, folder: Path) -> list[str]:
    """Give the rows of MinHash, files to files, and how far the kept rows agree."""
    us = min((ours("minhash", corpus.whole, folder / f"us{n}") for n in range(2)), key=lambda one: one.cpu)
    them = ran([peer, PEERS / "datatrove_minhash.py", corpus.sample, folder / "them"]) if peer else None
    lines = [
        row(
            "MinHash 5-grams 14 x 8, files to files",
            corpus.whole_mb / us.cpu,
            corpus.sample_mb / them.cpu if them else 0,
        ),
        f"| memory of MinHash | {us.memory:.0f} MB | {them.memory if them else 0:.0f} MB | |",
    ]
    if them:
        kept = set(json.loads(ours("minhash", corpus.sample, folder / "sample").out.splitlines()[-1]))
        files = sorted((folder / "them" / "kept").glob("*.jsonl"))
        theirs = {json.loads(line)["id"] for file in files for line in file.read_bytes().splitlines()}
        lines.append(f"| MinHash: kept rows | {len(kept)} | {len(theirs)} | {len(kept ^ theirs)} differ |")
    return lines


def data_juicer(corpus: Corpus, peer: Path | None, folder: Path) -> list[str]:
    """Give the row of data-juicer's eight nearest filters beside ours, whole processes."""
    us = min((ours("measures", corpus.whole, folder / f"us{n}") for n in range(2)), key=lambda one: one.cpu)
    rate = 0.0
    if peer:
        program = peer.with_name("dj-process")
        paths = ["--dataset_path", corpus.sample, "--export_path", folder / "out.jsonl"]
        ran([program, "--config", PEERS / "data_juicer.yaml", *paths])  # the first time it installs what it lacks
        them = ran([program, "--config", PEERS / "data_juicer.yaml", *paths])
        rate = corpus.sample_mb / them.cpu if them else 0.0
    return [row("data-juicer's eight filters, whole process", corpus.whole_mb / us.cpu, rate)]


def workers(corpus: Corpus, peer: Path | None, folder: Path) -> list[str]:
    """Give the row of two workers against one, by wall time."""
    times: dict[int, float] = {}
    for turn, count in enumerate((1, 2, 1, 2)):
        took = ours("chain", corpus.whole, folder / f"{count}-{turn}", count).wall
        times[count] = min(took, times.get(count, took))
    return [
        f"| two workers against one, wall time | {times[1] / times[2]:.2f}x ({times[1]:.1f} s, {times[2]:.1f} s) | | |"
    ]


def start(corpus: Corpus, peer: Path | None, folder: Path) -> list[str]:
    """Give the rows of what a start costs, a chain over one line: as installed, and where numba compiles on use."""
    line = folder / "line.jsonl"
    line.write_text('{"id": "1", "text": "A line."}\n', encoding="utf-8")
    on_use = {"LMLOOP_KERNELS": "jit", "NUMBA_CACHE_DIR": str(folder / "cache")}
    rows: list[str] = []
    for label, environ in ("", {}), (" where numba compiles on use", on_use):
        first, later = (ours("chain", line, folder / f"{len(rows)}-{n}", 1, **environ) for n in range(2))
        told = f"{first.cpu:.1f} s, {later.cpu:.1f} s of CPU"
        rows.append(f"| a chain of one line{label}: first start, later starts | {told} | | |")
    return rows


def size(corpus: Corpus, peer: Path | None, folder: Path) -> list[str]:
    """Give the row of installed sizes: core and curation, and the peer."""
    mine = environment(folder / "lmloop", (f"{HERE.parent}[curate]",))
    sizes = [
        sum(f.stat().st_size for f in p.parents[1].rglob("*") if f.is_file()) / 1e6 if p else 0 for p in (mine, peer)
    ]
    return [f"| installed size, core and curation | {sizes[0]:.0f} MB | {sizes[1]:.0f} MB | |"]


ROWS: dict[str, Callable[[Corpus, Path | None, Path], list[str]]] = {
    "filters": filters,
    "chain": chain,
    "minhash": minhash,
    "data-juicer": data_juicer,
    "workers": workers,
    "start": start,
    "size": size,
}


def row(label: str, us: float, them: float = 0.0) -> str:
    """Write a row of rates."""
    return f"| {label} | {us:.1f} MB/s | " + (f"{them:.2f} MB/s | {us / them:.0f}x |" if them else "| |")


def ours(do: str, corpus: Path, folder: Path, count: int = 1, **environ: str) -> Ran:
    """Run one of :data:`DOES` in a process of its own."""
    # As where the package is installed, and as the peers: modules are read as bytecode. The first process writes it.
    compiled = {
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "lmloop-bytecode"),
    }
    done = ran(
        [sys.executable, __file__, "--do", do, "--corpus", corpus, "--out", folder, "--workers", count],
        **compiled,
        **environ,
    )
    assert done, f"{do} failed"
    return done


def ran(command: Sequence[Any], **environ: str) -> Ran | None:
    """Run a process and wait; None, and its last words on stderr, where it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        process = subprocess.Popen(
            [*map(str, command)], stdout=out, stderr=err, env={**os.environ, "OMP_NUM_THREADS": "1", **environ}
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        if status:
            err.seek(0)
            print(f"{command[0]} failed: {err.read().decode(errors='replace')[-800:]}", file=sys.stderr)
            return None
        out.seek(0)
        return Ran(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, out.read().decode())


def environment(folder: Path, packages: Sequence[str]) -> Path | None:
    """Make an environment with some packages, if it is not there; gives its Python, or None where that fails."""
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        made = ran([sys.executable, "-m", "venv", folder]) and ran([python, "-m", "pip", "install", "-q", *packages])
        if not made:
            print(f"{packages[0]} could not be installed: its rows have no peer", file=sys.stderr)
            return None
        (folder / "done").touch()
    return python


def take(corpus: Path, scratch: Path, megabytes: float) -> tuple[Path, float]:
    """Write the first megabytes of a corpus, a JSONL file or a folder of text files, as JSONL; gives file and MB."""
    place, total = scratch / f"corpus-{megabytes:g}.jsonl", 0
    if place.resolve() == corpus.resolve():
        raise SystemExit(f"{corpus} is where the corpus is to be written: copy it to another place first")
    with place.open("w", encoding="utf-8") as out:
        for number, text in enumerate(_texts(corpus)):
            out.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False) + "\n")
            total += len(text.encode())
            if megabytes and total >= megabytes * 1e6:
                break
    return place, total / 1e6


def _texts(corpus: Path) -> Any:
    if corpus.is_dir():
        paths = sorted(p for p in corpus.rglob("*") if p.suffix in (".txt", ".md", ".rst", ".html") and p.is_file())
        yield from (text for p in paths if (text := p.read_text("utf-8", "ignore").replace("\0", "")))
        return
    with corpus.open(encoding="utf-8") as lines:
        yield from (json.loads(line)["text"] for line in lines)


def do_filters(options: argparse.Namespace) -> None:
    """Print the CPU seconds of each filter, both ways of counting words, decisions, and the memory in MB."""
    from lmloop.core.batch import from_texts
    from lmloop.core.part import build

    chains = {w: [build("ops", {"use": op, "words": w}) for op in FILTERS] for w in ("unicode", "spacy-en")}
    for ops in chains.values():  # compiles what is not compiled
        for op in ops:
            op(["A line."])  # type: ignore[operator]
    result: dict[str, Any] = {w: dict.fromkeys(FILTERS, 0.0) for w in chains}
    result["decisions"] = []
    for texts in _batches(options.corpus):
        batch = from_texts(texts)
        for words, ops in chains.items():
            rows: list[dict[str, Any]] = [{} for _ in texts]
            for op in ops:
                began = time.process_time()
                verdict = op.judge(batch)  # type: ignore[attr-defined]
                result[words][op.name()] += time.process_time() - began
                for row_, code in zip(rows, verdict.codes.tolist(), strict=True):
                    row_[op.name()] = code
            for row_, text in zip(rows, verdict.changed.column("text").to_pylist(), strict=True):
                if row_["c4"] == 0:
                    row_["text"] = hashlib.md5(text.encode()).hexdigest()
        result["decisions"] += rows  # of the last way, datatrove's
    result["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


def _batches(corpus: Path) -> Any:
    texts: list[str] = []
    size = 0
    for text in _texts(corpus):
        texts.append(text)
        size += len(text.encode())
        if size >= BATCH:
            yield texts
            texts, size = [], 0
    yield texts


def do_chain(options: argparse.Namespace) -> None:
    """Carry out FineWeb's chain as a recipe."""
    order = ("gopher-repetition", "gopher-quality", "c4", "fineweb-quality")
    _recipe(options, [{"use": op, "words": "spacy-en"} for op in order])


def do_measures(options: argparse.Namespace) -> None:
    """Carry out the plain measures that data-juicer filters by."""
    _recipe(options, [{"use": "measures"}])


def do_minhash(options: argparse.Namespace) -> None:
    """Carry out MinHash as a recipe, and print the ids that are kept."""
    import pyarrow.parquet as pq

    data = _recipe(options, [{"use": "minhash", "words": "spacy-en"}]) / "data"
    print(json.dumps([name for file in sorted(data.glob("*.parquet")) for name in _ids(pq.read_table(file))]))


def _ids(table: Any) -> list[str]:
    return [json.loads(meta)["id"] for meta in table.column("meta").to_pylist()]


def _recipe(options: argparse.Namespace, ops: list[dict[str, Any]]) -> Path:
    from lmloop.core.run import run

    reader = {"use": "jsonl", "files": [str(options.corpus)], "meta": ["id"]}
    steps = [
        {"id": "raw", "use": "ingest", "reader": reader},
        {"id": "clean", "use": "curate", "from": ["raw"], "ops": ops, "dropped": "none"},
    ]
    recipe = {"format": 1, "name": "benchmark", "seed": 7, "step": steps}
    return run(recipe, home=options.out, workers=options.workers)["clean"].path


DOES = {"filters": do_filters, "chain": do_chain, "measures": do_measures, "minhash": do_minhash}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=Path("/usr/share/doc"))
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--sample", type=float, default=8)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "lmloop-peers")
    parser.add_argument("--data-juicer", action="store_true")
    parser.add_argument("--only", nargs="*", choices=tuple(ROWS))
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--do", choices=tuple(DOES), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path("runs"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
