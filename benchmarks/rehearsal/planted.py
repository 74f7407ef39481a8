"""Documents made of real sentences, with copies, shared spans and leaks of known size among them.

A document is drawn from the seed and its own number alone. Sentences come in many documents, as they do on the web, but
are shorter than any span that is looked for, so that what two documents share is what was planted.
"""

import csv
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

LEVELS = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
SPANS = (30, 45, 49, 50, 51, 60, 100, 300)
REAL = 0.15
"""This share of what is not planted are texts as they are, in whatever language."""
LEAKS = ("exact", "one-word", "embedded", "half")
UNIT = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
UNIT_OR_MARK = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+|[^\w\s]|_")
MOST_UNITS = 45
"""A sentence has fewer units, marks counted, than the shortest span that must be found (50)."""


@dataclass(frozen=True, slots=True)
class Doc:
    """What one document is: ``kind`` alone, near, exact, span, leak or raw; ``of`` is the number of its twin."""

    number: int
    lang: str
    kind: str
    level: float = 0.0
    of: int = -1
    note: str = ""

    @property
    def name(self) -> str:
        """The name that it bears in whatever file it comes in."""
        return f"d{self.number:07d}"


class Sentences:
    """Sentences of some real texts, English and Chinese, and the texts themselves."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.raw: list[str] = []
        found: dict[str, dict[str, None]] = {"en": {}, "zh": {}}
        for file in files:
            for line in file.open(encoding="utf-8"):
                text = json.loads(line)["text"]
                self.raw.append(text)
                for lang, sentence in _sentences(text):
                    found[lang][sentence] = None
        self.of = {lang: list(some) for lang, some in found.items()}


def _sentences(text: str) -> Iterator[tuple[str, str]]:
    for paragraph in re.split(r"\n[ \t\r]*\n", text):
        flat = re.sub(r"\s+", " ", paragraph)
        for some in re.split(r"(?<=[.!?])\s+(?=[A-Z])", flat):
            words = some.split(" ")
            plain = re.fullmatch(r"[A-Z][a-zA-Z ,;:()'\"\-0-9]+[.!?]", some)
            if plain and 7 <= len(words) <= 34 and sum(map(str.islower, words)) > 0.7 * len(words):
                yield "en", some
        for part in re.split(r"(?<=[。！？])|\n", paragraph):
            some = re.sub(r"\s+", "", part)
            han = len(re.findall(r"[\u4e00-\u9fff]", some))
            if some[-1:] in "。！？" and 10 <= len(some) <= MOST_UNITS - 3 and han > 0.75 * len(some):
                yield "zh", some


class Maker:
    """Makes the documents of a plan."""

    def __init__(self, sentences: Sentences, leaks: dict[str, list[tuple[str, str]]], seed: int) -> None:
        self.sentences, self.leaks, self.seed = sentences, leaks, seed

    def text(self, doc: Doc) -> str:
        """Give the text of a document."""
        if doc.kind == "raw":
            return self.sentences.raw[doc.of % len(self.sentences.raw)]
        if doc.kind == "exact":
            return self._join(self._drawn(doc.of, doc.lang), doc.of, doc.lang)
        if doc.kind == "near":
            return self._join(self._near(doc)[0], doc.of, doc.lang)
        parts = self._drawn(doc.number, doc.lang)
        text = self._join(parts, doc.number, doc.lang)
        if doc.kind == "span":
            return text + f"\n\n{doc.name} {self.span(doc)} x{doc.number}x\n"
        if doc.kind == "leak":
            leaked, _ = self.leak(doc)
            rng = self._rng(doc.number, "leak")
            return (
                f"{text}\n\n{self._join(self._drawn(doc.number, doc.lang)[:2], 0, doc.lang)} {leaked}"
                if (doc.note == "embedded" or rng.random() < 0.5)
                else leaked + "\n\n" + text
            )
        return text

    def likeness(self, doc: Doc) -> float:
        """Give the Jaccard similarity of a near copy and its twin, by 5-shingles."""
        return self._near(doc)[1]

    def span(self, doc: Doc) -> str:
        """Give the words that a document shares with its twin: ``level`` of them."""
        rng = self._rng(doc.of if doc.of >= 0 else doc.number, "span")
        if doc.lang == "zh":
            letters = "".join(UNIT.findall("".join(rng.choices(self.sentences.of["zh"], k=200))))
            letters = re.sub(r"[^\u4e00-\u9fff]", "", letters)
            return "".join(rng.choices(letters, k=int(doc.level)))
        words = re.findall(r"[a-z]+", " ".join(rng.choices(self.sentences.of["en"], k=200)))
        return " ".join(rng.choices(words, k=int(doc.level)))

    def leak(self, doc: Doc) -> tuple[str, int]:
        """Give what a document leaks of a question, and how many units in a row stand in both."""
        some = self.leaks[doc.lang]
        text = some[doc.of % len(some)][1]
        units = [(m.start(), m.end()) for m in UNIT.finditer(text)]
        if doc.note == "half":
            stop = units[len(units) // 2][0]
            return text[:stop], len(units) // 2
        if doc.note == "one-word":
            middle = len(units) // 2
            start, stop = units[middle]
            other = "斑" if doc.lang == "zh" else "quux"
            return text[:start] + other + text[stop:], max(middle, len(units) - middle - 1)
        return text, len(units)

    def _rng(self, number: int, what: str = "") -> random.Random:
        return random.Random(f"{self.seed}-{number}-{what}")

    def _drawn(self, number: int, lang: str) -> list[str]:
        rng = self._rng(number)
        count = max(6, min(400, int(rng.lognormvariate(3.2 if lang == "en" else 3.6, 0.6))))
        return rng.choices(self.sentences.of[lang], k=count)

    def _join(self, parts: Sequence[str], number: int, lang: str) -> str:
        rng, paragraphs, place = self._rng(number, "cut"), [], 0
        while place < len(parts):
            size = rng.randint(3, 6)
            paragraphs.append((" " if lang == "en" else "").join(parts[place : place + size]))
            place += size
        return "\n\n".join(paragraphs)

    def _near(self, doc: Doc) -> tuple[list[str], float]:
        """Change sentences from the end on until the likeness is what is wanted; changes lie in one block."""
        parts = self._drawn(doc.of, doc.lang)
        other = self._rng(doc.number).choices(self.sentences.of[doc.lang], k=len(parts))
        whole = self._shingles(parts, doc)
        low, high = 0, len(parts)
        while low < high:
            middle = (low + high) // 2
            if _jaccard(whole, self._shingles(parts[:middle] + other[middle:], doc)) < doc.level:
                low = middle + 1
            else:
                high = middle
        made = parts[:low] + other[low:]
        return made, _jaccard(whole, self._shingles(made, doc))

    def _shingles(self, parts: Sequence[str], doc: Doc) -> set[tuple[str, ...]]:
        units = [re.sub(r"\d", "0", unit) for unit in UNIT.findall(" ".join(parts).lower())]
        return {tuple(units[k : k + 5]) for k in range(len(units) - 4)}


def _jaccard(one: set[tuple[str, ...]], two: set[tuple[str, ...]]) -> float:
    return len(one & two) / max(len(one | two), 1)


def plan(count: int, pairs: int, seed: int) -> list[Doc]:
    """Say what each of ``count`` documents is, in the order of the corpus.

    There are ``pairs`` of each kind, language and level.
    """
    docs: list[Doc] = []
    for lang in ("en", "zh"):
        _plant(docs, lang, pairs)
    rng = random.Random(seed)
    while len(docs) < count:
        if rng.random() < REAL:
            _add(docs, Doc(0, "", "raw", 0.0, rng.randrange(1 << 30)))
        else:
            _add(docs, Doc(0, "zh" if rng.random() < 0.4 else "en", "alone"))
    rng.shuffle(docs)
    return docs


def _plant(docs: list[Doc], lang: str, pairs: int) -> None:
    for _ in range(pairs):
        for level in LEVELS:
            _add(docs, Doc(0, lang, "near", level, _add(docs, Doc(0, lang, "alone"))))
        _add(docs, Doc(0, lang, "exact", 1.0, _add(docs, Doc(0, lang, "alone"))))
    for length in SPANS:
        for _ in range(max(pairs // 10, 1)):
            _add(docs, Doc(0, lang, "span", length, _add(docs, Doc(0, lang, "span", length))))
    for number in range(pairs):
        for place, note in enumerate(LEAKS):
            _add(docs, Doc(0, lang, "leak", 0.0, number * len(LEAKS) + place, note))


def _add(docs: list[Doc], doc: Doc) -> int:
    docs.append(replace(doc, number=len(docs)))
    return len(docs) - 1


def benchmark_questions(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Give questions, as (file, text), that are long enough to be looked for: English of GSM8K, Chinese of CMMLU."""
    english = [json.loads(line)["question"] for line in (folder / "gsm8k" / "test.jsonl").open(encoding="utf-8")]
    chinese = []
    for file in sorted((folder / "cmmlu" / "test").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as rows:
            chinese += [row["Question"] for row in csv.DictReader(rows)]
    long = {"en": english, "zh": chinese}
    return {lang: [(lang, text) for text in some if len(UNIT.findall(text)) >= 26] for lang, some in long.items()}
