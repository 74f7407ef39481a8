"""Ground for steps that look at small trainings: two sources of text, packed, and a tiny model."""

import json
from pathlib import Path
from typing import Any

COMPUTE = {"precision": "fp32", "threads": 1, "compile": "off"}
SHAPE = {"depth": 1, "context": 16, "model": {"width": 8, "heads": 2, "kv_heads": 2, "hidden": 16}}


def packed(folder: Path) -> list[dict[str, Any]]:
    """Write prose and numbers, and give the steps up to their tokens: sources ``prose`` and ``numbers``."""
    prose = [f"the ship {n % 7} went to sea, and the bird {n % 5} flew. 鸟{n % 3}飞过山。 " * 4 for n in range(60)]
    numbers = [f"{n * 37 % 101} + {n * 11 % 13} = {n * 37 % 101 + n * 11 % 13}; " * 8 for n in range(60)]
    for name, lines in (("prose", prose), ("numbers", numbers)):
        text = "\n".join(json.dumps({"text": line}) for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    read = [
        {"id": name, "use": "ingest", "reader": {"use": "jsonl", "files": [f"{name}.jsonl"]}}
        for name in ("prose", "numbers")
    ]
    words = {"id": "words", "use": "tokenizer", "from": ["prose", "numbers"], "vocab_size": 352}
    pack = {"id": "tokens", "use": "pack", "from": ["prose", "numbers", "words"], "held": 0.3}
    return [*read, words, pack]


def trained(name: str, steps: int, batch: int = 64, **settings: Any) -> dict[str, Any]:
    """Give the step of a training that is over at once."""
    how = {"compute": COMPUTE, "evaluate": {"sample_tokens": 0, "every": 4, "tokens": 300}}
    fixed = {"id": name, "use": "pretrain", "from": ["tokens"], "tokens": steps * batch, "batch": batch}
    return {**fixed, **SHAPE, **how, **settings}
