"""LongBench, version 2: hard choices over texts of up to two million words (Bai et al., 2024)."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PositiveInt

from lmloop.core.model import Prompt, Reply, Request, Sampling, Writing
from lmloop.core.record import Record, Turn
from lmloop.core.task import Metric
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item, fill
from lmloop.scoring.longbench import without_middle
from lmloop.scoring.tables import read_rows
from lmloop.scoring.writing import Sampled
from lmloop.scoring.written import after_thinking

ASKED = "What is the correct answer to this question: {question}\nChoices:\n(A) {A}\n(B) {B}\n(C) {C}\n(D) {D}\n\n"
FORMAT = 'Format your response as follows: "The correct answer is (insert answer here)".'
ONE, SEVERAL = (f"Please read the following text and answer the question{end} below.\n\n" for end in ("", "s"))
THINK = "Let’s think step by step:"
SECOND = SEVERAL + "The text is too long and omitted here.\n\n" + ASKED + THINK + " {thought}\n\n"
SECOND += "Based on the above, what is the single, most likely answer choice? " + FORMAT
ANSWER = re.compile(r"The correct answer is (?:\(([A-D])\)|([A-D]))")
GUESS = 0.25


class LongbenchV2(Sampled):
    """Choose one of four answers about a long text.

    Profiles: ``official`` asks at once; ``cot`` lets the model think (1,024 tokens) and asks again without the text;
    ``no-context`` leaves the text out, to see what is known without it. A reply that names no answer is wrong;
    ``compensated`` gives it the quarter that guessing would. The text is cut in its middle to ``characters``. Groups
    are difficulty and length: ``easy short``, ``hard long``, ...
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc", chance=GUESS), Metric("compensated", chance=GUESS))
    source: ClassVar[Source] = Source(
        "longbench_v2",
        "Apache-2.0",
        "https://huggingface.co/datasets/THUDM/LongBench-v2",
        {"test": ("data.json", "*.jsonl", "*.parquet")},
        hub="THUDM/LongBench-v2",
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form(
            ONE + "<text>\n{context}\n</text>\n\n" + ASKED + FORMAT, " {letter}", by="writing", max_tokens=128
        ),
        "cot": Form(
            SEVERAL + "<text>\n{context}\n</text>\n\n" + ASKED + THINK, " {letter}", by="writing", max_tokens=1024
        ),
        "no-context": Form(
            ASKED + "What is the single, most likely answer choice? " + FORMAT,
            " {letter}",
            by="writing",
            max_tokens=128,
        ),
    }

    temperature: float = Field(0.1, ge=0, description="how freely replies are drawn")
    characters: PositiveInt | None = Field(None, description="cut the middle out of texts longer than this")

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read questions with their texts."""
        for row in read_rows(path):
            letters = {letter: row[f"choice_{letter}"].strip() for letter in "ABCD"}
            context = without_middle(row["context"].strip(), self.characters)
            fields = {"context": context, "question": row["question"].strip(), **letters}
            group = f"{row['difficulty']} {row['length']}"
            yield Item(
                fields, tuple(letters.values()), "ABCD".index(row["answer"]), group=group, more={"asked": fields}
            )

    def reading(self) -> dict[str, Any]:
        """Cutting changes what is read."""
        return {"characters": self.characters}

    def question(self, form: Form, item: Item, shots: Sequence[Item], name: str) -> Record:
        """Make the record of an item; the text stands in its prompt only."""
        record = super().question(form, item, shots, name)
        asked = {key: value for key, value in item.fields.items() if key != "context"}
        meta = {"subject": item.group, "cluster": item.cluster, "asked": asked}
        return Record(record.text, record.prompt, record.choices, record.answer, meta, name)

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        """Ask for an answer; after a chain of thought, ask what it comes to."""
        if self.profile != "cot" or len(said) == 2 * self.samples:
            return super().ask(record, said)
        if not said:
            return super().ask(record)
        return [
            Writing(self._second(record, reply.text), Sampling(128, self.temperature, seed=self.seed + number))
            for number, reply in enumerate(said)
        ]

    def mark(self, record: Record, reply: str) -> tuple[Mapping[str, float], str | None, str]:
        """Look for the answer that is named in the form that was asked for."""
        found = ANSWER.search(reply.replace("*", ""))
        letter = (found[1] or found[2]) if found else None
        right = float(letter is not None and "ABCD".index(letter) == record.answer)
        return {"acc": right, "compensated": right if letter else GUESS}, letter, "" if letter else "no answer named"

    def grade(self, record: Record, said: Sequence[Reply]) -> Any:
        """Judge the last replies."""
        return super().grade(record, said[-self.samples :])

    def protocol(self) -> dict[str, Any]:
        """Say how it asks and judges."""
        return {**super().protocol(), "characters": self.characters}

    def _second(self, record: Record, thought: str) -> Prompt:
        fields = {**record.meta["asked"], "thought": (after_thinking(thought) or "").strip()}
        return (Turn(record.prompt[-1].role, fill(SECOND, fields)),)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give two invented questions."""
        row = {f"choice_{letter}": f"It is {letter.lower()}." for letter in "ABCD"}
        rows = [
            {
                **row,
                "question": "What is it?",
                "answer": "B",
                "difficulty": level,
                "length": "short",
                "context": "b " * 20,
            }
            for level in ("easy", "hard")
        ]
        return {"longbench_v2/data.json": json.dumps(rows).encode()}
