"""A tiny model with a byte tokenizer, and records of two tasks, for tunings of seconds."""

import json
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import pytest

from lmloop import run

TEMPLATE = """\
{%- for turn in messages -%}
<{{ turn.role }}>{{ turn.content }}{{ '\\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}<assistant>{% endif -%}
"""
COMPUTE = {"precision": "fp32", "threads": 1, "compile": "off"}
LORA = {"use": "lora", "rank": 4, "dropout": 0.1}
FAST = {"learning_rate": 1e-2}


def write_base(folder: Path, seed: int = 0) -> Path:
    """Write a tiny model with fresh weights."""
    from lmloop.kernels.tokenizing import FILE, Tokenizer
    from lmloop.kernels.tokenizing.toy import byte_tokenizer
    from lmloop.nn.decoder import seeded
    from lmloop.nn.huggingface import write_model
    from lmloop.nn.shape import from_depth

    folder.mkdir(parents=True, exist_ok=True)
    copyfile(byte_tokenizer(), folder / FILE)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    vocabulary = Tokenizer.load(folder).vocab_size
    shape = replace(from_depth(1, vocabulary, 128), width=32, heads=2, kv_heads=1, head_width=16, hidden=64)
    state = seeded(shape, seed).state_dict()
    # an adapter cannot change the output matrix: let it have something to say
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        state[name] = state[name] * 15
    write_model(folder, shape, state, None, None)
    return folder


def write_records(folder: Path) -> None:
    """Write two tasks (the letter that follows; the letter before), preferences, and records that are no use."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    tasks = {
        "next": [(f"{a}{b}?", letters[(letters.index(b) + 1) % 26]) for a in letters[:6] for b in letters[:12]],
        "last": [(f"{a}{b}?", letters[letters.index(b) - 1]) for a in letters[6:12] for b in letters[:12]],
    }
    for name, pairs in tasks.items():
        rows = [{"messages": [said("user", ask), said("assistant", reply)]} for ask, reply in pairs]
        write(folder / f"{name}.jsonl", rows)
    choices = [
        {"prompt": [turn("user", ask)], "choices": [reply, "!!"] if n % 2 else ["!!", reply], "answer": 1 - n % 2}
        for n, (ask, reply) in enumerate(tasks["next"])
    ]
    write(folder / "votes.jsonl", choices)


def said(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "text": text}


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")


def settled(tmp_path, monkeypatch):
    """A model and records in the current folder; small tensors are slower on two threads."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    write_base(tmp_path / "model")
    write_records(tmp_path)
    yield tmp_path
    torch.set_num_threads(before)


def recipe(*more, files=("next", "last"), **settings):
    raws = [{"id": name, "use": "ingest", "reader": {"use": "chat", "files": [f"{name}.jsonl"]}} for name in files]
    for raw in raws:
        if raw["id"] == "votes":
            raw["reader"]["use"] = "jsonl"
    tuned = {
        "id": "tuned",
        "use": "finetune",
        "from": list(files),
        "base": "model",
        "method": LORA,
        "context": 32,
        "epochs": 2,
        "evaluate": {"held": 0.1},
        "optimizer": FAST,
        "compute": COMPUTE,
    }
    return {"name": "t", "seed": 3, "step": [*raws, tuned | settings, *more]}


def tuned(home, *more, **settings):
    return run(recipe(*more, **settings), home=home, workers=1)["tuned"]


def write_foreign(folder: Path) -> None:
    """Make a folder's model one of another family."""
    import torch
    import transformers

    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    config = transformers.GPTNeoXConfig(
        vocab_size=vocabulary, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    torch.manual_seed(0)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
