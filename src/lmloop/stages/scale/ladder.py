"""A ladder of base models as a table of runs."""

from collections.abc import Sequence

from lmloop.core.card import Card
from lmloop.core.errors import DataError
from lmloop.core.step import Artifact
from lmloop.core.weights import tokens_read
from lmloop.kernels.scaling.numbers import Row
from lmloop.nn.huggingface import read_config

LOSS = "loss/"
"""What the run card of a base model calls its held-out losses, one a source."""


def rows_of(inputs: Sequence[Artifact]) -> list[Row]:
    """Read each model's size, data and held-out loss off its run card.

    Raises:
        DataError: an input is no base model, or none of its text was held out.
    """
    rows: list[Row] = []
    for item in inputs:
        card = Card.read(item.path)
        losses = [float(value) for name, value in card.metrics.items() if name.startswith(LOSS)]
        if card.use != "pretrain" or not losses:
            raise DataError(
                f"{item.path.name} has no held-out loss", hint="a ladder is made of pretrain steps with held-out text"
            )
        shape = read_config(item.path)
        embeddings = shape.vocabulary * shape.width * (1 if shape.tied else 2)
        sizes = {"params": shape.parameters, "params_nonembedding": shape.parameters - embeddings}
        rows.append({"run": item.id, **sizes, "tokens": tokens_read(item.path), "loss": sum(losses) / len(losses)})
    return rows
