"""MuSR: long stories that take several steps of reasoning (Sprague et al., 2024)."""

import ast
import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_json, read_rows

NUMBERS = "123456789"
PICK = "Pick one of the following choices:\n{options}\nYou must pick one option. "
ENDING = (
    "Explain your reasoning step by step before you answer. Finally, the last thing you generate should be "
    '"ANSWER: (your answer here, including the choice number)"'
)
SYSTEM = "You are a helpful assistant that will answer the questions given by the user.\n\n"
HINTS: Mapping[str, Mapping[str, str]] = json.loads(Path(__file__).with_name("musr.json").read_text(encoding="utf-8"))
"""What the authors' prompt says of each part: ``before`` the question, or ``after`` its options."""


class Musr(Choice):
    """Find the murderer, where somebody thinks that a thing is, and who should do what: three parts, its subjects.

    Profiles: ``leaderboard-v2`` compares the likelihoods of the options by their length, as lm-eval does; ``official``
    is the authors' "CoT+": the options are numbered, a hint says how to go about it, and the number in the last line
    with "ANSWER:" counts (where there is none they guess at random; here it is a failure to extract). Parts differ in
    how many options there are, so that guessing gives a half, a fifth to a third, or a third. Questions about one story
    are one cluster.
    """

    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    source: ClassVar[Source] = Source(
        "musr",
        "MIT",
        "https://github.com/Zayne-sprague/MuSR",
        # murder_mysteries, object_placements, team_allocation
        {
            "test": tuple(
                f"{place}[mot][ube]*_[mpa]*.{ending}"
                for ending, place in (("csv", ""), ("json", "datasets/"), ("json", "output_datasets/"), ("json", ""))
            )
        },
        hub="TAUR-Lab/MuSR",
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "leaderboard-v2": Form(
            "{narrative}\n\n{question}\n\n{options}\nAnswer:",
            " {choice}",
            option="{letter} - {choice}\n",
            letters=NUMBERS,
            metric="acc_norm",
        ),
        "official": Form(
            "{narrative}\n\n{before}{question}\n\n" + PICK + "{after}" + ENDING,
            " {letter}",
            option="{letter} - {choice}\n",
            header=SYSTEM,
            letters=NUMBERS,
            by="writing",
            max_tokens=2400,
            extract="answer-number",
            system=True,
        ),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read a part: the hub's CSV, a row for each question, or the repository's JSON, a story with its questions."""
        part = path.stem.replace("mystery", "mysteries")
        if path.suffix == ".csv":
            for row in read_rows(path):
                choices = ast.literal_eval(row["choices"])
                answer = choices.index(row["answer_choice"])
                yield _item(part, row["narrative"], row["question"], choices, answer)
            return
        for story in read_json(path):
            for asked in story["questions"]:
                yield _item(part, story["context"], asked["question"], asked["choices"], int(asked["answer"]))

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give invented stories of two parts."""
        head = "narrative,question,choices,answer_index,answer_choice\n"
        found = {}
        for part, choices in (("murder_mysteries", ["Ann", "Bob"]), ("team_allocation", ["a", "b", "c"])):
            rows = "".join(f'Story {n}.,Who?,"{choices}",1,{choices[1]}\n' for n in range(4))
            found[f"musr/{part}.csv"] = (head + rows).encode()
        return found


def _item(part: str, story: str, question: str, choices: list[str], answer: int) -> Item:
    hints: Mapping[str, Any] = HINTS.get(part, {})
    fields = {"narrative": story, "question": question, "before": "", "after": "", **hints}
    cluster = blake2b(story.encode(), digest_size=6).hexdigest()
    return Item(fields, tuple(choices), answer, group=part, cluster=cluster)
