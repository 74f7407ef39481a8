"""AGIEval: choice questions of examinations for people, in English and Chinese (Zhong et al., 2023)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from lmloop.scoring.choice import Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_rows

CHINESE = (
    "logiqa-zh",
    "jec-qa-kd",
    "jec-qa-ca",
    "gaokao-chinese",
    "gaokao-geography",
    "gaokao-history",
    "gaokao-biology",
    "gaokao-chemistry",
    "gaokao-physics",
    "gaokao-mathqa",
)


class Agieval(Choice):
    """Choose one of several options in examinations such as LSAT, SAT, Gaokao and the Chinese civil service.

    The prompt is the authors' without examples, English or Chinese as the questions are. ``official`` reads a written
    reply; ``lm-eval`` compares the likelihoods of the options with their letters. Of the subjects with several right
    options (``gaokao-physics``, ``jec-qa-*``) any right one counts by likelihood, as in lm-eval. The questions to
    fill in (``gaokao-mathcloze``, ``math``) are no choice questions and are left out.
    """

    source: ClassVar[Source] = Source(
        "agieval",
        "MIT (parts of other licences)",
        "https://github.com/ruixiangcui/AGIEval",
        {"test": ("data/v1_1/*.jsonl", "data/v1/*.jsonl", "*/data/v1/*.jsonl", "agieval_v1/*.jsonl", "*.jsonl")},
        published={"6960fa34cda3f8ce": "4,725 items of 15 subjects, v1"},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "official": Form("{passage}{ask}{question} {offer}{listed}\n{lead}", " {choice}", by="writing", max_tokens=32),
        "lm-eval": Form("{passage}{ask}{question} {offer}{listed}\n{lead}", " {choice}"),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read a subject's JSON Lines; its name says which."""
        chinese = path.stem in CHINESE
        for row in read_rows(path):
            if not row.get("options") or not row.get("label"):
                continue
            options, last = row["options"], "ABCDEFG"[len(row["options"]) - 1]
            words = ("问题：", "选项：", f"答案：从A到{last}, 我们应选择")
            if not chinese:
                words = ("Q: ", "Answer Choices: ", f"A: Among A through {last}, the answer is")
            fields = {
                "passage": row["passage"] or "",
                "question": row["question"],
                "listed": " ".join(options),
                **dict(zip(("ask", "offer", "lead"), words, strict=True)),
            }
            answers = ["ABCDEFG".index(letter) for letter in row["label"] if letter in "ABCDEFG"]
            if answers and max(answers) < len(options):
                passage = (row["passage"] or "")[:64]
                more = {"answers": answers, "language": "zh" if chinese else "en"}
                yield Item(fields, tuple(options), answers[0], group=path.stem, cluster=passage, more=more)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give one subject in English and one in Chinese, of invented items."""
        row = (
            '{"passage": null, "question": "%s %d?", "options": ["(A)one", "(B)two"], "label": "%s", "answer": null}\n'
        )
        english = "".join(row % ("How many are in box", number, "B") for number in range(4))
        chinese = "".join(row % ("盒子里有几个", number, "A") for number in range(4))
        folder = "agieval/data/v1"
        return {f"{folder}/lsat-ar.jsonl": english.encode(), f"{folder}/gaokao-history.jsonl": chinese.encode()}
