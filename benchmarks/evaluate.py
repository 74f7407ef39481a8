"""The engine for local models beside lm-eval's: CPU seconds, memory, and whether both say the same.

Run it with ``python benchmarks/evaluate.py --data DATASETS --peer PYTHON``: a folder with ``mmlu/``, ``hellaswag/`` and
``bbh/``, and a Python that has ``lm_eval``. Both get the same strings and run by turns, one thread and one process
each, in float32; encoding counts, loading does not. Without ``--model`` the weights are random, in the shape of Llama
135M (576 x 30, 9 heads, 3 of them for keys), with the tokenizer in ``--tokenizer``.

The peer's best batch size is looked for first, by CPU seconds a request on the first few (as many as fill a batch, at
least four items, replies of at most ``--probe`` tokens). lm-eval's own search, ``auto``, is no help on a CPU: it begins
with 64 rows as long as the context, which alone take a quarter of an hour and more.
"""

import argparse
import bz2
import csv
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import copyfile
from typing import Any, TypeAlias

from lmloop.core.model import Reply, Sampling, text_prompt
from lmloop.models.transformers import Transformers

Asked: TypeAlias = dict[str, Any]
LINE = "{:36} {:>8}{:>12}{:>10}{:>8}{:>12}{:>14}"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
SHAPE: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "intermediate_size": 1536,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
    "bos_token_id": None,
    "eos_token_id": 0,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--peer", default=sys.executable, help="a Python that has lm_eval")
    parser.add_argument("--model", help="a folder with a model; without it, random weights")
    parser.add_argument("--tokenizer", type=Path, help="a folder with a tokenizer, for random weights")
    parser.add_argument("--vocabulary", type=int, default=49_152)
    parser.add_argument("--only", nargs="*", default=["mmlu", "hellaswag", "hellaswag-fixed", "bbh"])
    parser.add_argument("--subjects", type=int, default=1)
    parser.add_argument("--items", type=int, default=24)
    parser.add_argument("--most", type=int, default=256, help="tokens that a reply may have")
    parser.add_argument("--probe", type=int, default=32, help="tokens a reply while the batch size is looked for")
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 8, 32])
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        _ours(*options.run)
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = options.model or str(_random_model(folder / "model", options.tokenizer, options.vocabulary))
        print(LINE.format("task", "items", "peer (bs)", "ours", "ratio", "difference", "memory MB"))
        for name in options.only:
            asked = {"mmlu": _mmlu, "hellaswag": _hellaswag, "hellaswag-fixed": _hellaswag_fixed, "bbh": _bbh}[name](
                options
            )
            (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
            _compare(name, model, folder / "asked.json", options)


def _compare(name: str, model: str, file: Path, options: argparse.Namespace) -> None:
    asked = json.loads(file.read_text(encoding="utf-8"))
    ours = _told([sys.executable, __file__, "--run", model, str(file)])
    batch = _best_batch(model, asked, file.with_name("probe.json"), options)
    peer = _peer(options.peer, model, file, batch)
    print(
        LINE.format(
            f"{name} {asked['about']}",
            asked["items"],
            f"{peer['seconds']:.1f} ({batch})",
            f"{ours['seconds']:.1f}",
            f"{peer['seconds'] / ours['seconds']:.2f}",
            _difference(asked["kind"], ours["found"], peer["found"]),
            f"{(peer['most'] - peer['before']) / 1e3:.0f} / {(ours['most'] - ours['before']) / 1e3:.0f}",
        ),
        flush=True,
    )


def _best_batch(model: str, asked: Asked, file: Path, options: argparse.Namespace) -> int:
    """Find the batch size at which the peer needs the least CPU a request."""
    if len(options.batches) == 1:
        return int(options.batches[0])
    wide = len(asked["requests"]) // asked["items"]
    costs: dict[int, float] = {}
    for batch in options.batches:
        requests = asked["requests"][: wide * max(4, batch)]
        if asked["kind"] == "generate_until":
            requests = [(prompt, {**how, "max_gen_toks": options.probe}) for prompt, how in requests]
        file.write_text(json.dumps({**asked, "requests": requests}), encoding="utf-8")
        costs[batch] = _peer(options.peer, model, file, batch)["seconds"] / len(requests)
    told = ", ".join(f"{batch}: {cost:.2f}" for batch, cost in costs.items())
    print(f"  the peer's CPU seconds a request by batch size, {told}", flush=True)
    return min(costs, key=lambda batch: costs[batch])


def _peer(python: str, model: str, file: Path, batch: int) -> Mapping[str, Any]:
    script = Path(__file__).parent / "peers" / "lm_eval_requests.py"
    return _told([python, str(script), model, str(file), str(batch)])


def _difference(kind: str, ours: Sequence[Any], peers: Sequence[Any]) -> str:
    if kind == "generate_until":
        same = sum(mine == theirs for mine, theirs in zip(ours, peers, strict=True))
        return f"{same}/{len(ours)} same"
    greedy = sum(mine[1] != theirs[1] for mine, theirs in zip(ours, peers, strict=True))
    far = max(abs(mine[0] - theirs[0]) for mine, theirs in zip(ours, peers, strict=True))
    return f"{far:.1e}" + (f" {greedy} greedy" if greedy else "")


def _told(command: Sequence[str]) -> Mapping[str, Any]:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(ended.stderr[-3000:])
    said: Mapping[str, Any] = json.loads(ended.stdout.strip().splitlines()[-1])
    return said


def _ours(model: str, file: str) -> None:
    """Answer requests in this process."""
    import torch

    torch.set_num_threads(1)
    asked = json.loads(Path(file).read_text(encoding="utf-8"))
    engine = Transformers(folder=model, device="cpu", dtype="float32")
    engine.score([(text_prompt("to load"), " it")])
    before, start = _memory(), time.process_time()
    found: list[Any]
    if asked["kind"] == "loglikelihood":
        replies = engine.score([(text_prompt(prompt), text) for prompt, text in asked["requests"]])
        found = [(reply.logprob, reply.greedy) for reply in replies]
    else:
        found = [reply.text for reply in _written(engine, asked["requests"])]
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "before": before, "most": _memory(), "found": found}))


def _written(engine: Transformers, requests: Sequence[Any]) -> list[Reply]:
    how = requests[0][1]
    sampling = Sampling(max_tokens=how["max_gen_toks"], stop=tuple(how["until"]))
    return engine.generate([text_prompt(prompt) for prompt, _ in requests], sampling)


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _random_model(folder: Path, tokenizer: Path, vocabulary: int) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SHAPE, vocab_size=vocabulary)).save_pretrained(folder)
    for name in TOKENIZER_FILES:
        copyfile(tokenizer / name, folder / name)
    return folder


def _mmlu(options: argparse.Namespace) -> Asked:
    """Five shots from dev, the letters scored; the first items of some subjects."""
    subjects = sorted(path.name.removesuffix("_test.csv") for path in (options.data / "mmlu" / "test").glob("*.csv"))
    chosen = random.Random(0).sample(subjects, options.subjects)
    requests, items = [], 0
    for subject in chosen:
        shots = "".join(f"{_mmlu_item(row)} {'ABCD'[int(row['answer'])]}\n\n" for row in _rows(options, "dev", subject))
        head = f"The following are multiple choice questions (with answers) about {subject.replace('_', ' ')}.\n\n"
        for row in _rows(options, "test", subject)[: options.items // options.subjects]:
            requests += [(head + shots + _mmlu_item(row), f" {letter}") for letter in "ABCD"]
            items += 1
    return {"kind": "loglikelihood", "requests": requests, "items": items, "about": f"5-shot, {len(chosen)} subjects"}


def _rows(options: argparse.Namespace, split: str, subject: str) -> list[dict[str, str]]:
    with (options.data / "mmlu" / split / f"{subject}_{split}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _mmlu_item(row: Mapping[str, str]) -> str:
    options = "".join(f"{letter}. {row[f'choice{number}']}\n" for number, letter in enumerate("ABCD"))
    return f"{row['question'].strip()}\n{options}Answer:"


def _hellaswag(options: argparse.Namespace, fixed: bool = False) -> Asked:
    """Ten shots, drawn anew for each item as lm-eval does, or the same ones for all."""
    with bz2.open(options.data / "hellaswag" / "hellaswag_val_full.txt.bz2", "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")
    rows = [(lines[n], [f" {end}" for end in lines[n + 2 : n + 6]], int(lines[n + 1])) for n in range(0, 60_252, 6)]
    chance = random.Random(1)
    shots = [chance.sample(range(5000, 10_000), 10) for _ in range(options.items)]
    requests = []
    for number, (context, ends, _) in enumerate(rows[: options.items]):
        chosen = [rows[place] for place in shots[0 if fixed else number]]
        head = "".join(f"{before}{after[right]}\n\n" for before, after, right in chosen)
        requests += [(head + context, end) for end in ends]
    about = "10-shot, " + ("fixed shots" if fixed else "own shots")
    return {"kind": "loglikelihood", "requests": requests, "items": options.items, "about": about}


def _hellaswag_fixed(options: argparse.Namespace) -> Asked:
    return _hellaswag(options, fixed=True)


def _bbh(options: argparse.Namespace) -> Asked:
    """Three worked examples, then the question; replies end as lm-eval ends them."""
    chosen = random.Random(0).sample(sorted((options.data / "bbh" / "bbh").glob("*.json")), options.subjects)
    requests = []
    for path in chosen:
        text = (options.data / "bbh" / "cot-prompts" / f"{path.stem}.txt").read_text(encoding="utf-8")
        head = re.split(r"-----\n", text, maxsplit=1)[1].strip()
        for item in json.loads(path.read_text(encoding="utf-8"))["examples"][: options.items // options.subjects]:
            prompt = f"{head}\n\nQ: {item['input']}\nA: Let's think step by step.\n"
            requests.append(
                (prompt, {"until": ["</s>", "Q", "\n\n"], "max_gen_toks": options.most, "do_sample": False})
            )
    return {
        "kind": "generate_until",
        "requests": requests,
        "items": len(requests),
        "about": f"CoT, {len(chosen)} tasks, <= {options.most} tokens",
    }


if __name__ == "__main__":
    main()
