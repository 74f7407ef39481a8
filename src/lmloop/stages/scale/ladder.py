"""A ladder of base models as a table of runs."""

from collections.abc import Sequence

from lmloop.core.card import Card
from lmloop.core.errors import DataError
from lmloop.core.step import Artifact
from lmloop.kernels.scaling.table import Row

NEEDED = {"params": "params", "params_nonembedding": "params_nonembedding", "tokens": "tokens", "loss": "val_loss"}
"""What a row holds, and what the run card of a base model calls it."""


def rows_of(inputs: Sequence[Artifact]) -> list[Row]:
    """Read each model's size, data and validation loss off its run card.

    Raises:
        DataError: a card does not have them.
    """
    rows: list[Row] = []
    for item in inputs:
        card = Card.read(item.path)
        missing = [name for name in NEEDED.values() if name not in card.metrics]
        if missing:
            raise DataError(
                f"{item.path.name} does not say its {', '.join(missing)}",
                hint="a ladder is made of pretrain steps with validation data",
            )
        rows.append({"run": item.id, **{name: card.metrics[metric] for name, metric in NEEDED.items()}})
    return rows
