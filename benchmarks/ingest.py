"""How fast files become rows: our readers, beside those of datatrove on the same files.

``python benchmarks/ingest.py [PYTHON_WITH_DATATROVE]`` writes a corpus of English and Chinese rows under a temporary
folder and prints megabytes of text per CPU second for each format, the readers taking turns. The second interpreter is
one of an environment with ``pip install 'datatrove[io]' orjson`` (it is not needed for our own figures).
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lmloop.core.part import build
from lmloop.core.reader import Reader, Reject

ROUNDS = 5
ENGLISH = "The quality of the data decides about the quality of the model, so cleaning the corpus is the first step. "
CHINESE = "语言模型从文本中学习。数据的质量决定模型的质量，因此清洗语料是第一步。"
PEER = """
import sys, time
from datatrove.pipeline.readers import JsonlReader, ParquetReader
kind, folder = sys.argv[1:]
reader = {"jsonl": JsonlReader, "parquet": ParquetReader}[kind](folder, glob_pattern="*." + kind, doc_progress=False)
start = time.process_time()
count = sum(1 for _ in reader.run())
print(count, time.process_time() - start)
"""


def write_corpus(folder: Path) -> tuple[float, float]:
    """Write 40,000 rows of 70 to 4,000 characters, twice, and 5,000 of them as text files; give their megabytes."""
    rows = []
    for number in range(40_000):
        text = (CHINESE if number % 2 else ENGLISH) * (2 + number % 37)
        rows.append({"text": f"{number} {text}", "url": f"https://example.com/{number}", "score": number / 7})
    lines = (json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    (folder / "a.jsonl").write_bytes(b"".join(lines))
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet", compression="zstd", row_group_size=5000)
    (folder / "texts").mkdir()
    texts = [str(row["text"]).encode() for row in rows]
    for number, content in enumerate(texts[:5000]):
        (folder / "texts" / f"{number}.txt").write_bytes(content)
    return sum(map(len, texts)) / 1e6, sum(map(len, texts[:5000])) / 1e6


def ours(kind: str, folder: Path) -> tuple[int, float]:
    """Read the files of one format into batches; give the rows and the CPU seconds."""
    files = "texts" if kind == "text" else f"a.{kind}"
    reader = build("readers", {"use": kind, "files": [files]})
    assert isinstance(reader, Reader)
    start, count = time.process_time(), 0
    for source in reader.sources(folder):
        for item in reader.read_batches(source):
            assert not isinstance(item, Reject)
            count += item.num_rows
    return count, time.process_time() - start


def theirs(python: str, kind: str, folder: Path) -> tuple[int, float]:
    """The same with datatrove, which gives a document at a time."""
    done = subprocess.run([python, "-c", PEER, kind, str(folder)], capture_output=True, text=True, check=True)
    count, seconds = done.stdout.split()[-2:]
    return int(count), float(seconds)


def main(peer: str | None) -> None:
    """Print the best of some rounds for each format."""
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        all_text, some_text = write_corpus(folder)
        for kind in ("jsonl", "parquet", "text"):
            size = some_text if kind == "text" else all_text
            mine, other = [], []
            for _ in range(ROUNDS):
                mine.append(ours(kind, folder))
                if peer and kind != "text":
                    other.append(theirs(peer, kind, folder))
            line = f"{kind:8} {size:6.1f} MB  lmloop {size / min(s for _, s in mine):6.1f} MB/CPU-s"
            if other:
                assert {n for n, _ in mine} == {n for n, _ in other}, "both read the same rows"
                ratio = min(s for _, s in other) / min(s for _, s in mine)
                line += f"  datatrove {size / min(s for _, s in other):6.1f} MB/CPU-s  {ratio:.1f} times"
            print(line)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
