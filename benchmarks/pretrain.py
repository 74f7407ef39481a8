"""Training speed beside a bare loop and transformers' Trainer, the share of the peak, resuming, and packing.

Run it with ``python benchmarks/pretrain.py`` (it needs ``transformers`` and ``accelerate`` beside the extra ``train``).
All train the same model, from the same weights, on the same rows, in the same precision and with one thread, on a
GPU where there is one:

* ours: a whole step of :class:`lmloop.nn.trainer.Trainer`, guard, clipping, log and document masks included;
* bare: the shortest loop in the style of nanoGPT over the same model without masks: forward, backward, clip, AdamW;
* Trainer: ``transformers.Trainer`` on its own Llama or Qwen of the same shape.

Turns alternate, so that other work on the machine disturbs all alike; speed is tokens a second of processor time, on
a GPU of the clock. With ``--compile`` all three are compiled.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from lmloop.core.rows import IGNORED, Rows
from lmloop.kernels.order import Mixture
from lmloop.kernels.packed import DATA, Index, Piece, PieceWriter, streams
from lmloop.kernels.windows import Mixed, Windows
from lmloop.nn.decoder import Decoder, seeded
from lmloop.nn.huggingface import load_model, write_model
from lmloop.nn.objective import Objective
from lmloop.nn.schedule import Schedule
from lmloop.nn.shape import Shape, from_depth
from lmloop.nn.speed import cast, peak_flops
from lmloop.nn.trainer import Pace, Trainer
from lmloop.nn.training import Computing, Precision, Training, Update

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
GPU = DEVICE.type == "cuda"
WARM = 3 if GPU else 1
"""So many steps are not counted: they allocate, and what is compiled is compiled in them."""


def moment() -> float:
    """Give the seconds of processor time so far, or on a GPU of the clock, once all that was asked is done."""
    if not GPU:
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


class Silent:
    """Watches, and counts the time of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last = 0.0

    def began(self, step: int, computing: Computing, pace: Pace, peak_flops: float) -> None:
        """Start the clock."""
        self._last = moment()

    def stepped(self, step: int, loss: float, pace: Pace) -> None:
        """Stop it for a step."""
        now = moment()
        self.seconds.append(now - self._last)
        self._last = now

    def measured(self, step: int, scores: Mapping[str, Any], model: Decoder | None) -> None:
        """Nothing is measured."""

    def happened(self, line: str) -> None:
        """Say it."""
        print(line)


def main() -> None:
    """Print a line for each way of training, and the checks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    shape = from_depth(options.depth, options.vocabulary, options.context)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _make_tokens(folder / "tokens", options.vocabulary)
        _compare(folder, shape, options)
        _check_resume(folder, options)
        _check_packing(folder / "tokens", options.context)


def _make_tokens(folder: Path, vocabulary: int) -> None:
    """Pack documents of random tokens, of lengths like those of web pages."""
    chance = np.random.default_rng(0)
    writer = PieceWriter("uint16")
    for _ in range(1500):
        ids = chance.integers(3, vocabulary, int(chance.lognormal(5.5, 1.0)) + 1)
        writer.add((np.array([1]), ids, np.array([2])), 4 * len(ids))
    (folder / DATA).mkdir(parents=True)
    writer.write(folder / DATA, "00000")
    piece = Piece("00000", "web", False, len(writer.lengths), sum(writer.lengths), sum(writer.sizes))
    Index(vocabulary, "uint16", "0" * 32, 1, 2, (piece,)).write(folder)


def _batches(folder: Path, rows: int, context: int, steps: int) -> Mixed:
    stream = streams(folder, Index.read(folder))["web"]
    return Mixed({"web": Windows(stream, context)}, Mixture({"web": [(0.0, 1.0)]}, rows, steps), 0, {})


def _compare(folder: Path, shape: Shape, options: argparse.Namespace) -> None:
    write_model(folder, shape, seeded(shape, 0).state_dict(), 1, 2)
    batches = _batches(folder / "tokens", options.rows, options.context, options.steps)
    rows = [batches.batch(step) for step in range(options.steps)]
    ways: dict[str, Callable[[], list[float]]] = {
        "ours": lambda: _ours(folder, shape, options),
        "bare loop": lambda: _bare(folder, rows, options),
        "transformers' Trainer": lambda: _theirs(folder, rows, options),
    }
    peaks, found = [], {name: list[float]() for name in ways}
    for _ in range(options.turns):
        peaks.append(_peak(options.precision))
        for name, way in ways.items():
            found[name] += way()[WARM:]
    tokens = options.rows * options.context
    how = f"{options.precision}{', compiled' * options.compile}"
    print(f"{shape.parameters / 1e6:.1f} million parameters, {options.rows} x {options.context}, {how}")
    print(f"peak {max(peaks) / 1e9:.0f} GFLOP/s of {torch.cuda.get_device_name() if GPU else 'one thread'}")
    ours, second = tokens / median(found["ours"]), "second" if GPU else "CPU second"
    for name, seconds in found.items():
        rate = tokens / median(seconds)
        share = rate * shape.flops_per_token(options.context) / max(peaks)
        print(f"{name:22} {rate:7.0f} tokens a {second}   {share:.0%} of the peak   ours is {ours / rate:.2f}x")


def _peak(precision: Precision) -> float:
    """Measure the peak by the processor's time: the clock counts what others take."""
    if GPU:
        return peak_flops(precision, DEVICE)
    size = 1024
    a = torch.randn(size, size).to(torch.bfloat16 if precision == "bf16" else torch.float32)
    peak_flops(precision, DEVICE, 0.1)
    start = time.process_time()
    for _ in range(30):
        a @ a
    return 30 * 2 * size**3 / (time.process_time() - start)


def _training(options: argparse.Namespace, steps: int) -> Training:
    return Training(
        steps=steps,
        rows=options.rows,
        context=options.context,
        seed=0,
        schedule=Schedule("wsd", steps, 1, 1, 0.0),
        update=Update(),
        computing=Computing(precision=options.precision, threads=1, compile="on" if options.compile else "off"),
        evaluate_every=steps,
        checkpoint_every=steps,
    )


def _ours(folder: Path, shape: Shape, options: argparse.Namespace) -> list[float]:
    steps = options.steps
    with tempfile.TemporaryDirectory() as out:
        watch = Silent()
        batches = _batches(folder / "tokens", options.rows, options.context, steps)
        Trainer(Objective(seeded(shape, 0)), _training(options, steps), batches, {}, Path(out)).run(watch)
        return watch.seconds[:-1]  # the last saves a checkpoint


def _bare(folder: Path, rows: list[Rows], options: argparse.Namespace) -> list[float]:
    model = load_model(folder).to(DEVICE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, fused=True)
    run = torch.compile(model) if options.compile else model
    seconds = []
    for part in rows:
        start = moment()
        tokens, targets = (torch.from_numpy(each).to(DEVICE) for each in (part.tokens_BT, part.targets_BT))
        with cast(options.precision, DEVICE):
            logits = run(tokens)
        loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(moment() - start)
    return seconds


def _theirs(folder: Path, rows: list[Rows], options: argparse.Namespace) -> list[float]:
    transformers: Any = import_module("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    seconds: list[float] = []

    class Clock(transformers.TrainerCallback):  # type: ignore[misc]
        """Counts the time of each step."""

        def on_step_begin(self, *args: Any, **rest: Any) -> None:
            self.start = moment()

        def on_step_end(self, *args: Any, **rest: Any) -> None:
            seconds.append(moment() - self.start)

    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    # labels are what Trainer's models shift by themselves
    examples = [{"input_ids": ids, "labels": ids} for part in rows for ids in torch.from_numpy(part.tokens_BT)]
    with tempfile.TemporaryDirectory() as out:
        settings = transformers.TrainingArguments(
            out,
            per_device_train_batch_size=options.rows,
            max_steps=len(rows),
            learning_rate=3e-3,
            bf16=options.precision == "bf16",
            use_cpu=not GPU,
            torch_compile=options.compile,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        transformers.Trainer(model, settings, train_dataset=examples, callbacks=[Clock()]).train()
    return seconds


def _check_resume(folder: Path, options: argparse.Namespace) -> None:
    """Stop a training in the middle, go on, and compare every weight with one that was not stopped."""
    shape = from_depth(2, options.vocabulary, options.context)

    def train(out: Path, stop: int) -> Trainer:
        batches = _batches(folder / "tokens", options.rows, options.context, 8)
        training = _training(options, 8)
        trainer = Trainer(Objective(seeded(shape, 0)), training, batches, {}, out)
        watch = Silent()
        watch.stepped = lambda step, *_: _stop() if step == stop else None  # type: ignore[method-assign]
        trainer.training = Training.from_plain({**training.plain(), "checkpoint_every": 3})
        try:
            trainer.run(watch)
        except KeyboardInterrupt:
            return train(out, 0)
        return trainer

    out = [folder / name for name in ("whole", "cut")]
    for place in out:
        place.mkdir()
    whole, cut = train(out[0], 0), train(out[1], 5)
    pairs = zip(whole.model.parameters(), cut.model.parameters(), strict=True)
    same = all(torch.equal(one, other) for one, other in pairs)
    lines = (out[0] / "metrics.jsonl").read_text() == (out[1] / "metrics.jsonl").read_text()
    print(f"stopped after 5 of 8 steps and gone on: losses the same {lines}, weights the same {same}")


def _stop() -> None:
    raise KeyboardInterrupt


def _check_packing(folder: Path, context: int) -> None:
    """Count what an epoch reads: how many tokens are lost, and how many places hold none."""
    windows = Windows(streams(folder, Index.read(folder))["web"], context)
    rows = _batches(folder, windows.count, context, 1).batch(0)
    index = Index.read(folder)
    wanted = sum(piece.tokens - piece.documents for piece in index.pieces)
    padding = max(0, windows.count * context - (windows.stream.tokens - 1) - (context - 1))
    print(f"packing: {wanted - rows.valid} of {wanted:,} targets lost in an epoch, {padding} places padded")


if __name__ == "__main__":
    main()
