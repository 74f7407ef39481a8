"""LAMBADA: the last word of a passage (Paperno et al., 2016)."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from lmloop.core.model import Reply, Request, Scores, Scoring
from lmloop.core.record import Record
from lmloop.core.task import Grade, Metric
from lmloop.scoring.benchmark import Benchmark
from lmloop.scoring.data import Source
from lmloop.scoring.form import Form, Item
from lmloop.scoring.tables import read_rows


class Lambada(Benchmark):
    """Foretell the last word of a passage: ``acc``, were all its tokens the model's first choice?

    ``nll`` is the negative natural-log likelihood of the word; its mean, raised to the power of e, is the perplexity
    that is published. The passages are those that OpenAI cleaned, in the form of lm-eval.
    """

    needs: ClassVar[tuple[type, ...]] = (Scores,)
    metrics: ClassVar[tuple[Metric, ...]] = (Metric("acc"), Metric("nll", higher=False, most=None))
    source: ClassVar[Source] = Source(
        "lambada",
        "MIT (texts of unpublished novels)",
        "https://huggingface.co/datasets/EleutherAI/lambada_openai",
        {
            "test": (
                "lambada_test_en.jsonl",
                "data/lambada_test_en.jsonl",
                "default/test-*.parquet",
                "llm_foundry_icl/lambada_openai.jsonl",
                "scripts/eval/local_data/*/lambada_openai.jsonl",
            )
        },
        hub="EleutherAI/lambada_openai",
        published={"e064e090148bc6ad": "5,153 passages, MosaicML's copy"},
    )
    forms: ClassVar[Mapping[str, Form]] = {"lm-eval": Form("{context}", " {target}")}

    def read(self, path: Path, split: str) -> Iterator[Item]:
        """Read upstream's JSON Lines, the hub's Parquet, or MosaicML's copy."""
        for row in read_rows(path):
            context, word = row["text"].rsplit(" ", 1) if "text" in row else (row["context"], row["continuation"])
            yield Item({"context": context}, target=word.strip())

    def ask(self, record: Record, said: Sequence[Reply] = ()) -> list[Request]:
        """Ask how likely the word is."""
        return [] if said else [Scoring(record.prompt, record.text)]

    def grade(self, record: Record, said: Sequence[Reply]) -> Grade:
        """See whether it was the first choice, and how likely it was; what else was the first choice is not known."""
        reply = said[0]
        if reply.error or reply.logprob is None:
            return Grade(record.id, {}, reply.error or "no likelihood", failed=True)
        word, first = record.text.strip(), bool(reply.greedy)
        values = {"acc": float(first), "nll": -reply.logprob}
        return Grade(record.id, values, f"{word!r} {reply.logprob:.3f}", word if first else None)

    @classmethod
    def example_files(cls) -> dict[str, bytes]:
        """Give a few invented passages."""
        row = '{"text": "Cup %d was full, so she drank from the cup"}\n'
        return {"lambada/lambada_test_en.jsonl": "".join(row % number for number in range(4)).encode()}
