"""LongBench, version 1: long texts in English, Chinese and code, 21 data sets (Bai et al., 2023)."""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PositiveInt

from lmloop.core.errors import DataError
from lmloop.core.model import TEXT, Sampling
from lmloop.core.record import Record, Turn
from lmloop.core.task import Metric
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.longbench import NAMES, base, bucket, judged, score, without_middle
from lmloop.scoring.tables import read_json, read_rows
from lmloop.scoring.writing import Sampled

PROMPTS = Path(__file__).with_name("longbench.json")
MINI = "MiniLongBench_"
RAW = frozenset({"trec", "triviaqa", "samsum", "lsht", "lcc", "repobench-p"})
"""Asked as raw text even of chat models: their prompts end where a text goes on."""


class Longbench(Sampled):
    """Read long texts: answer, summarise, classify, retrieve, count, complete code.

    Each data set has the prompt, the length of reply and the metric of the authors; the score of a model is the mean
    over data sets (``macro``). A text of more than ``characters`` is cut in its middle, as the authors cut by tokens:
    4 characters a token is a fair guess in English, 1.5 in Chinese. Read are the JSON Lines of LongBench and
    LongBench-E, whose scores stand by length (0-4k, 4-8k, 8k+ words), and the JSON of MiniLongBench.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("score"),)
    source: ClassVar[Source] = Source(
        "longbench",
        "MIT",
        "https://github.com/THUDM/LongBench",
        {"test": ("data/*.jsonl", "*.jsonl", f"{MINI}*.json", f"data/{MINI}*.json", f"minilongbench/{MINI}*.json")},
        hub="THUDM/LongBench",
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form("{prompt}", " {target}", by="writing", max_tokens=512, metric="score")
    }

    characters: PositiveInt | None = Field(None, description="cut the middle out of prompts longer than this")

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read a data set, in LongBench's layout or MiniLongBench's."""
        if path.suffix == ".json":
            name = path.stem.removeprefix(MINI)
            yield from (_mini(name, row) for row in read_json(path).values())
            return
        for row in read_rows(path):
            name = row.get("dataset") or path.stem
            name = path.stem if path.stem.endswith("_e") else name
            known = _known(name)
            prompt = known["prompt"].replace("{context}", row["context"], 1).replace("{input}", row["input"], 1)
            length = int(row.get("length") or 0)
            yield _item(name, prompt, row["answers"], row.get("all_classes") or [], length)

    def question(self, form: Form, item: Item, shots: Sequence[Item], name: str) -> Record:
        """Make the record of an item: cut to length, and raw where the data set wants it."""
        record = super().question(form, item, shots, name)
        raw = base(str(item.more["dataset"])) in RAW
        turns = tuple(
            Turn(TEXT if raw else turn.role, without_middle(turn.text, self.characters)) for turn in record.prompt
        )
        return replace(record, prompt=turns, meta={key: it for key, it in record.meta.items() if key != "question"})

    def sampling(self, record: Record, number: int) -> Sampling:
        """Say how long a reply may be; in samsum it ends with its line."""
        name = base(str(record.meta["dataset"]))
        most = self.max_tokens or _known(name)["max_tokens"]
        stop = ("\n",) if name == "samsum" else ()
        return Sampling(most, self.temperature, stop=stop, seed=self.seed + number)

    def mark(self, record: Record, reply: str) -> tuple[Mapping[str, float], str | None, str]:
        """Score a reply by the metric of its data set."""
        name = str(record.meta["dataset"])
        value = score(name, reply, record.meta["answers"], record.meta["classes"])
        said = judged(name, reply).strip()
        return {"score": value}, said or None, f"{NAMES[base(name)]} {value:.4f}"

    def protocol(self) -> dict[str, Any]:
        """Say how it asks and judges."""
        return {**super().protocol(), "characters": self.characters, "prompts": "dataset2prompt.json of 2024-06"}

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give three invented data sets of one item each."""
        row = {"context": "The cat is called Tom. " * 9, "length": 45, "all_classes": None}
        rows: dict[str, dict[str, Any]] = {
            "hotpotqa": {**row, "input": "What is the cat called?", "answers": ["Tom"]},
            "multifieldqa_zh": {**row, "context": "猫叫汤姆。" * 9, "input": "猫叫什么？", "answers": ["汤姆"]},
            "trec": {**row, "input": "Who is Tom?", "answers": ["Animal"], "all_classes": ["Animal", "Place"]},
        }
        return {
            f"longbench/data/{name}.jsonl": json.dumps({**it, "dataset": name}).encode() for name, it in rows.items()
        }


def _mini(name: str, row: Mapping[str, Any]) -> Item:
    # some golds are lists or tables, some their text
    try:
        gold = ast.literal_eval(row["gold"]) if isinstance(row["gold"], str) else row["gold"]
    except SyntaxError:
        raise ValueError(f"no right answers: {row['gold'][:60]!r}") from None
    answers, classes = (gold["answers"], gold["all_classes"]) if isinstance(gold, dict) else (gold, [])
    prompt = row["origin_prompt"]
    return _item(name, prompt if isinstance(prompt, str) else prompt[0]["prompt"], answers, classes, 0)


def _item(name: str, prompt: str, answers: list[str], classes: list[str], length: int) -> Item:
    group = f"{name} {bucket(length)}" if name.endswith("_e") else name
    if odd := [text for text in (*answers, *classes) if not isinstance(text, str)]:
        raise ValueError(f"{odd[0]!r} where a text belongs")
    more = {"dataset": name, "answers": answers, "classes": classes, "length": length}
    return Item({"prompt": prompt}, target=answers[0] if answers else "", group=group, more=more)


@cache
def _prompts() -> dict[str, dict[str, Any]]:
    return dict(read_json(PROMPTS))


def _known(name: str) -> dict[str, Any]:
    try:
        return _prompts()[base(name)]
    except KeyError:
        raise DataError(f"{name!r} is no data set of LongBench", hint=f"there are: {', '.join(_prompts())}") from None
