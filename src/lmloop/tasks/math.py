"""MATH: problems of competitions, whose answers are formulas (Hendrycks et al., 2021)."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from lmloop.core.record import Record
from lmloop.core.task import Metric
from lmloop.scoring import latex
from lmloop.scoring.benchmark import SHOTS, digest_of
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_json, read_rows
from lmloop.scoring.writing import Sampled
from lmloop.scoring.written import boxed

EXAMPLES = Path(__file__).with_name("math.json")
HARDEST = 5


class Math(Sampled):
    r"""Solve problems of competitions in seven fields and five levels; the answer is LaTeX.

    Profiles: ``lm-eval`` shows the four examples of Minerva (Lewkowycz et al. 2022, appendix D) and asks all levels;
    ``leaderboard-v2`` asks level 5 only, with the same examples as the Open LLM Leaderboard wrote them; ``zero-shot``
    asks to put the answer into ``\boxed{}``: meant for chat models, and what OpenCompass and others ask.

    ``acc`` is what Math-Verify says of a reply and the solution, lm-eval's ``exact_match`` of the leaderboard and
    ``math_verify`` elsewhere. ``minerva`` looks at the sentence "Final Answer: The final answer is ..." alone (of
    ``zero-shot``, at the box), tidies as Minerva's appendix does, and asks SymPy: ``exact_match_original``.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc"), Metric("minerva"))
    source: ClassVar[Source] = Source(
        "math",
        "MIT",
        "https://github.com/hendrycks/math",
        {"test": ("test/*/*.json", "MATH/test/*/*.json", "*/test-*.parquet", "data/test-*.parquet", "test.jsonl")},
        hub="EleutherAI/hendrycks_math",
    )
    forms: ClassVar[Mapping[str, Form]] = {
        name: Form(
            "Problem:\n{question}\n\nSolution:",
            " {target}",
            shots=4,
            by="writing",
            stop=("Problem:",),
            max_tokens=1024,
            extract="final-answer",
        )
        for name in ("lm-eval", "leaderboard-v2")
    } | {
        "zero-shot": Form(
            "{question}\nPlease reason step by step, and put your final answer within \\boxed{}.",
            " {target}",
            by="writing",
            max_tokens=2048,
            extract="boxed",
        )
    }

    level: Literal[0, 1, 2, 3, 4, 5] | None = Field(None, description="only this level; 0 for all; else the profile's")

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read the archive's files, a problem each, or rows of the hub's Parquet or of MATH-500."""
        for row in [read_json(path)] if path.suffix == ".json" else read_rows(path):
            level = int(str(row["level"]).rpartition(" ")[2].replace("?", "0"))
            answer = row.get("answer") or boxed(row["solution"])
            if (self.level and level != self.level) or answer is None:
                continue
            field = (row.get("type") or row.get("subject") or path.parent.name).lower()
            more = {"solution": row["solution"], "answer": answer, "level": level}
            group = field.replace(" & ", "_and_").replace(" ", "_")
            yield Item({"question": row["problem"]}, target=row["solution"], group=group, more=more)

    def reading(self) -> dict[str, Any]:
        """Other levels are other problems."""
        hardest = HARDEST if self.profile == "leaderboard-v2" else 0
        return {"level": hardest if self.level is None else self.level}

    def pool(self, group: str) -> list[Item]:
        """Give the four published examples, as the profile writes them."""
        shown = json.loads(EXAMPLES.read_text(encoding="utf-8"))
        found = shown["leaderboard-v2" if self.profile == "leaderboard-v2" else "lm-eval"]
        return [Item({"question": problem}, target=solution) for problem, solution in found]

    def shares_pool(self) -> bool:
        """Say that the examples are no items of the test."""
        return False

    def digest(self, split: str) -> str:
        """Digest the items, or the examples."""
        return digest_of(self.pool("")) if split == SHOTS else super().digest(split)

    def questions(self) -> Iterator[Record]:
        """Put each problem into its form, once what judges replies is there."""
        latex.ready()
        yield from super().questions()

    def mark(self, record: Record, reply: str) -> tuple[Mapping[str, float], str | None, str]:
        """Compare what a reply comes to with the solution."""
        solution, answer = str(record.meta["solution"]), str(record.meta["answer"])
        right, found = latex.verified(reply, solution, boxed=self.profile == "leaderboard-v2")
        final = boxed(reply) if self.form().extract == "boxed" else latex.final_answer(reply)
        values = {"acc": float(right), "minerva": float(final is not None and latex.same_final(final, answer))}
        return values, found or final, f"wanted {answer}; read {found}, final {final}"

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give invented problems of two fields, a file each."""
        found = {}
        for field in ("Algebra", "Number Theory"):
            for n in range(1, 5):
                solution = f"One more is $\\boxed{{\\frac{{{n + 1}}}{{2}}}}$."
                row = {"problem": f"What is $\\frac{{{n}}}{{2}}$ and a half?", "level": f"Level {5 if n % 2 else 3}"}
                place = f"math/test/{field.lower().replace(' ', '_')}/{n}.json"
                found[place] = json.dumps({**row, "type": field, "solution": solution}).encode()
        return found
