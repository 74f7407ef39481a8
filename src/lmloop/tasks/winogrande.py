"""WinoGrande: whom a sentence means (Sakaguchi et al., 2020)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from lmloop.core.model import Reply, Request, Scoring
from lmloop.core.record import Record, Turn
from lmloop.core.task import Metric
from lmloop.scoring.choice import METRICS, Choice
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item, fill
from lmloop.scoring.tables import read_rows


class Winogrande(Choice):
    """Put each of two names into a sentence, and see after which the rest of it is likelier (partial scoring).

    The same words are scored after two contexts, so that no length has to be put right (Trinh and Le, 2018). Both
    profiles are lm-eval's: ``leaderboard-v1`` with five examples. ``letters`` compares those of
    two letters, and ``opencompass`` reads a reply.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc", chance=0.5), *METRICS[1:])
    source: ClassVar[Source] = Source(
        "winogrande",
        "CC BY 4.0 (data), Apache-2.0 (code)",
        "https://github.com/allenai/winogrande",
        {
            "test": (
                "dev.jsonl",
                "*/dev.jsonl",
                "winogrande_xl/validation-*.parquet",
                "llm_foundry_icl/winogrande.jsonl",
                "scripts/eval/local_data/*/winogrande.jsonl",
            ),
            "shots": (
                "train_xl.jsonl",
                "*/train_xl.jsonl",
                "winogrande_xl/train-*.parquet",
                "llm_foundry_icl/winogrande.jsonl",
                "scripts/eval/local_data/*/winogrande.jsonl",
            ),
        },
        hub="allenai/winogrande",
        published={"0c9d4be970f066cb": "1,267 validation items, MosaicML's copy"},
    )
    forms: ClassVar[Mapping[str, Form]] = {
        "lm-eval": Form("{context}", " {rest}", pick="each", spare=1),
        "leaderboard-v1": Form("{context}", " {rest}", pick="each", spare=1, shots=5),
        "opencompass": Form(
            "Question: {sentence}\n{options}Answer:",
            " {letter}",
            option="{letter}. {choice}\n",
            by="writing",
            extract="letter",
        ),
        "letters": Form("{sentence}\n{options}Answer:", option="{letter}. {choice}\n", pick="each", spare=1),
    }

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read upstream's JSON Lines, the hub's Parquet, or MosaicML's copy of the validation split."""
        for row in read_rows(path):
            if "context_options" in row:
                whole = tuple(row["context_options"])
                begin = _common(whole)
                rest, answer = row["continuation"].strip(), int(row["gold"])
                choices, sentence = tuple(text[len(begin) :] for text in whole), f"{begin}_ {rest}"
            else:
                sentence, choices = row["sentence"], (row["option1"], row["option2"])
                begin, _, rest = sentence.partition("_")
                rest, answer = rest.strip(), int(row["answer"]) - 1
            fields = {"begin": begin, "rest": rest, "context": begin + choices[answer], "sentence": sentence}
            yield Item(fields, choices, answer)

    def question(self, form: Form, item: Item, shots: Sequence[Item], name: str) -> Record:
        """Make the record of an item; ``contexts`` of its ``meta`` are the sentence's two beginnings."""
        if form.item != "{context}" or form.by == "writing":
            return super().question(form, item, shots, name)
        blank = item.fields["begin"] + "_"
        record = super().question(form, replace(item, fields={**item.fields, "context": blank}), shots, name)
        contexts = [item.fields["begin"] + choice for choice in item.choices]
        return replace(record, meta={**record.meta, "contexts": contexts, "blank": blank})

    def measured(self, form: Form, item: Item) -> list[str]:
        """Give what is scored, which is the same for both."""
        return [fill(form.answer, item.fields).strip()] * len(item.choices)

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        """Ask how likely the rest of the sentence is after each name."""
        if said or "contexts" not in record.meta:
            return super().ask(record, said)
        *turns, last = record.prompt
        return [
            Scoring((*turns, Turn(last.role, before + context)), record.meta["asked"][0])
            for before in [last.text.removesuffix(record.meta["blank"])]
            for context in record.meta["contexts"]
        ]

    def named(self, record: Record, place: int) -> str:
        """Name an option: what was asked is the same for both."""
        return record.choices[place] if "contexts" in record.meta else super().named(record, place)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a few invented items in upstream's layout."""
        row = (
            '{"qID": "%d", "sentence": "Ann gave Bea %d pears because _ was hungry.", "option1": "Ann", '
            '"option2": "Bea", "answer": "2"}\n'
        )
        rows = "".join(row % (number, number) for number in range(2, 9)).encode()
        return {"winogrande/dev.jsonl": rows, "winogrande/train_xl.jsonl": rows}


def _common(texts: Sequence[str]) -> str:
    """Give the words that two sentences begin with alike, up to and with the space before the first other one."""
    first, second = (text.split(" ") for text in texts)
    same = next((place for place, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), 0)
    return "".join(f"{word} " for word in first[:same])
