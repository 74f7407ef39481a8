"""GSM8K: word problems of grade school, each with a number for an answer (Cobbe et al., 2021)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from lmloop.core.model import Reply
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.repeats import majority
from lmloop.scoring.tables import read_json, read_rows
from lmloop.scoring.writing import Sampled
from lmloop.scoring.written import FINDERS, after_thinking, last_number, plain_number, same_number, same_text_number

EXAMPLES = Path(__file__).with_name("gsm8k.json")
"""Published worked examples, by the profile that shows them."""
STOPS = ("</s>", "<|im_end|>")


class Gsm8k(Sampled):
    """Solve word problems; the number that the reply ends in counts.

    Profiles: ``lm-eval`` shows five solved problems of the training part, drawn anew for each item; ``cot`` the eight
    chains of thought of Wei et al. 2022, Table 20, as lm-eval has them; ``opencompass`` four longer ones (Fu et al.
    2022); ``zero-shot`` shows none and asks to end in "The answer is N." (or 答案是N). ``strict`` wants the number
    where it was asked for (``####``, or "The answer is"), ``flexible`` takes the last one; both compare as lm-eval
    does, without ``,``, ``$`` and a last dot. OpenCompass's ``strict`` is the last number, by value, and reads 234 off
    1,234. ``value`` takes the stated number, else the last, and compares by value, full-width digits included. With
    several samples, ``majority`` is the number that most of them give.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("strict"),
        Metric("flexible"),
        Metric("value"),
        Metric("majority"),
    )
    source: ClassVar[Source] = Source(
        "gsm8k",
        "MIT",
        "https://github.com/openai/grade-school-math",
        {
            "test": ("test.jsonl", "grade_school_math/data/test.jsonl", "main/test-*.parquet"),
            "shots": ("train.jsonl", "grade_school_math/data/train.jsonl", "main/train-*.parquet"),
        },
        hub="openai/gsm8k",
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "lm-eval": Form(
            "Question: {question}\nAnswer:",
            " {target}",
            shots=5,
            pick="each",
            by="writing",
            stop=("Question:", *STOPS),
            max_tokens=256,
            extract="hashed-number",
            metric="strict",
        ),
        "cot": Form(
            "Q: {question}\nA:",
            " {target}",
            shots=8,
            by="writing",
            stop=("Q:", *STOPS),
            max_tokens=256,
            extract="stated-number",
            metric="strict",
        ),
        "opencompass": Form(
            "Question: {question}\nLet's think step by step\nAnswer:",
            "\n{target}",
            shots=4,
            by="writing",
            stop=("Question:",),
            max_tokens=512,
            extract="bare-number",
            metric="strict",
        ),
        "zero-shot": Form(
            "{question}\n\nThink step by step. End with a line of the form: The answer is N.",
            " {target}",
            by="writing",
            max_tokens=1024,
            extract="stated-number",
            metric="strict",
        ),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read problems with their solutions; the number stands behind ``####``."""
        for row in read_rows(path):
            number = row["answer"].rpartition("#### ")[2].strip()
            yield Item({"question": row["question"]}, target=row["answer"], more={"number": number})

    def pool(self, group: str) -> list[Item]:
        """Give the problems that shots are taken from: for chains of thought, the published ones."""
        if self.profile in ("", "lm-eval"):
            return super().pool(group)
        examples = read_json(EXAMPLES)
        shown = examples.get(self.profile, examples["cot"])
        return [Item({"question": question}, target=target) for question, target in shown]

    def mark(self, record: Record, reply: str) -> tuple[Mapping[str, float], str | None, str]:
        """Look for the number where it was asked for, and anywhere."""
        wanted = str(record.meta["number"])
        same = same_number if self.profile == "opencompass" else same_text_number
        strict, flexible, plain = FINDERS[self.form().extract](reply), last_number(reply), plain_number(reply)
        values = {
            "strict": float(strict is not None and same(strict, wanted)),
            "flexible": float(flexible is not None and same_text_number(flexible, wanted)),
            "value": float(plain is not None and same_number(plain, wanted)),
        }
        return values, strict or plain or flexible, f"wanted {wanted}; strict {strict}, last {flexible}, value {plain}"

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """Judge each reply, and what the majority of several says."""
        grade = super().grade(record, said)
        if len(said) == 1 or not grade.values:
            return grade
        numbers = [plain_number(text) for reply in said if (text := after_thinking(reply.text)) is not None]
        chosen = majority(numbers)
        right = chosen is not None and same_number(chosen, str(record.meta["number"]))
        values = {**grade.values, "majority": float(right)}
        return self.graded(record, values, chosen, f"{grade.why}\nmajority of {len(said)}: {chosen}")

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a few invented problems."""
        rows = "".join(
            f'{{"question": "Ann has {n} pears and gets {n} more. How many?", '
            f'"answer": "{n}+{n}=<<{n}+{n}={2 * n}>>{2 * n}\\n#### {2 * n}"}}\n'
            for n in range(1, 9)
        ).encode()
        return {"gsm8k/test.jsonl": rows, "gsm8k/train.jsonl": rows.replace(b"Ann", b"Ben")}
