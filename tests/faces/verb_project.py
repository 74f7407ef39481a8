"""What the tests of the verbs share: a recipe, texts, and how a verb is called."""

from collections.abc import Callable

import click.testing

RECIPE = """\
# A small corpus.
name = "mine"
seed = 7

[[step]]
id = "raw"
use = "ingest"
reader = { use = "text", files = ["notes"] }

[[step]]
id = "clean"
use = "curate"
from = ["raw"]
ops = ["unicode", { use = "length", min_characters = 12 }, "exact"]

[[step]]
id = "report"
use = "report"
from = ["clean"]
"""

TEXTS = {
    "a.txt": "The first note has something to say.",
    "b.txt": "第二篇笔记：数据的质量决定模型的质量。",
    "c.txt": "The first note has something to say.",
    "d.txt": "Too short.",
    "e.txt": "A control \x1b[31m character and\na second line.",
}

Call = Callable[..., click.testing.Result]
