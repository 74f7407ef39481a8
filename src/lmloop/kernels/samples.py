"""Samples that an op learns from: read, told apart, and put in a fixed order."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lmloop.core.errors import DataError
from lmloop.core.outside import OutsideFile
from lmloop.kernels.text import Integers

SEED = 7


class Samples(NamedTuple):
    """Texts, whether each is good, and the order to see them in: drawn once and for all."""

    texts: list[str]
    good: npt.NDArray[np.bool_]
    order: Integers


def read_texts(files: Sequence[OutsideFile]) -> list[str]:
    """Read the samples of some files; those without a letter to them are left out."""
    texts = ("\n".join(record) for file in files for record in file.records())
    return [text for text in texts if text.strip()]


def two_sides(good: Sequence[str], bad: Sequence[str]) -> Samples:
    """Put good and bad samples together.

    Raises:
        DataError: there is none of one side.
    """
    if not good or not bad:
        raise DataError("both the good and the bad samples need at least one text")
    marks = np.repeat([True, False], [len(good), len(bad)])
    order = np.random.RandomState(SEED).permutation(len(marks)).astype(np.int64)  # its stream is frozen for good
    return Samples([*good, *bad], marks, order)
