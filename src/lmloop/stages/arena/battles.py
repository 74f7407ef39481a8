"""Where battles come from: votes, a table of them, or a judge's decisions."""

from collections.abc import Callable, Mapping
from pathlib import Path

from lmloop.core.errors import DataError
from lmloop.core.model import Prompt
from lmloop.core.record import Record
from lmloop.scoring.arena import Battle
from lmloop.scoring.judging import Decision
from lmloop.scoring.tables import read_rows

MARKS: Mapping[str, Callable[[str], int]] = {
    "length": len,
    "lists": lambda text: text.count("\n- ") + text.count("\n* "),
    "bold": lambda text: text.count("**"),
}
WINNERS = {"model_a": 1.0, "a": 1.0, "1": 1.0, "model_b": 0.0, "b": 0.0, "0": 0.0}


def voted(record: Record) -> Battle | None:
    """Read a vote; None where it does not say who fought."""
    names = record.meta.get("models")
    if not isinstance(names, list | tuple) or len(names) != 2 or len(record.choices) != 2 or names[0] == names[1]:
        return None
    score = 0.5 if record.answer is None else 1.0 - record.answer
    prompt = question_of(record.prompt) or record.id
    return Battle(str(names[0]), str(names[1]), score, prompt, _style(*record.choices))


def fought(pair: tuple[str, str, str], fields: Mapping[str, str], found: Decision) -> Battle | None:
    """Make a battle of a judge's decision; None where there is none."""
    if found.score is None:
        return None
    return Battle(pair[1], pair[2], found.score, pair[0], _style(fields["answer_a"], fields["answer_b"]))


def _style(one: str, other: str) -> dict[str, float]:
    """Give differences of style, each as a share of both: 0 where they are alike, within -1 and 1."""
    counts = {name: (count(one), count(other)) for name, count in MARKS.items()}
    return {name: (a - b) / (a + b) if a + b else 0.0 for name, (a, b) in counts.items()}


def question_of(prompt: Prompt) -> str:
    """Give the text of a prompt."""
    return "\n\n".join(turn.text for turn in prompt)


def read_table(path: Path) -> list[Battle]:
    """Read battles: ``model_a``, ``model_b``, ``winner`` (model_a, model_b, anything with tie), and what they share.

    That is ``question``, ``question_id`` or ``prompt``. Columns named ``style_...`` are differences of style.

    Raises:
        DataError: it is no such table.
    """
    found = []
    for number, row in enumerate(read_rows(path), 1):
        try:
            winner = str(row["winner"]).strip().lower()
            score = 0.5 if "tie" in winner or winner in ("0.5", "c") else WINNERS[winner]
            prompt = next((str(row[name]) for name in ("question_id", "question", "prompt") if row.get(name)), "")
            style = {name: float(value) for name, value in row.items() if name.startswith("style_")}
            found.append(Battle(str(row["model_a"]), str(row["model_b"]), score, prompt, style))
        except (KeyError, ValueError) as bad:
            hint = "a row is: model_a, model_b, winner (model_a, model_b or tie), question"
            raise DataError(f"{path}:{number} is no battle: {bad}", hint=hint) from None
    return found
