"""A training of some seconds, in a folder; run as a script it takes part as a rank, or waits to be killed."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "kernels"))

from safetensors.torch import save_file
from tokens_folder import make_tokens, some_documents

from lmloop.kernels.order import Mixture
from lmloop.kernels.packed import Index, streams
from lmloop.kernels.windows import Measured, Mixed, Windows
from lmloop.nn.decoder import seeded
from lmloop.nn.objective import Objective
from lmloop.nn.schedule import Schedule
from lmloop.nn.shape import from_depth
from lmloop.nn.trainer import Trainer
from lmloop.nn.training import Computing, Training, Update

CONTEXT, ROWS, STEPS = 16, 8, 30
RANK_STEPS = 8
SHAPE = replace(from_depth(2, 64, CONTEXT), width=32, heads=2, kv_heads=1, head_width=16, hidden=64)


def plan(**changes):
    """The training of the tests; changes go to wherever the name belongs."""
    update = {name: changes.pop(name) for name in ("optimizer", "learning_rate") if name in changes}
    computing = {"precision": "fp32", "threads": 1, "compile": "off"}
    computing |= {name: changes.pop(name) for name in ("parallel", "micro_rows", "precision") if name in changes}
    training = Training(
        steps=STEPS,
        rows=ROWS,
        context=CONTEXT,
        seed=5,
        schedule=Schedule("wsd", STEPS, 3, 12, 0.0),
        update=Update(**{"learning_rate": 1e-2, **update}),
        computing=Computing(**computing),
        evaluate_every=10,
        checkpoint_every=5,
    )
    return replace(training, **changes)


def make(folder):
    """Pack a little."""
    if not (folder / "tokens").exists():
        train, held = some_documents(150, 1), some_documents(20, 2)
        make_tokens(folder / "tokens", {"a": train[:100], "b": train[100:], "held/a": held[:10], "held/b": held[10:]})
    return folder / "tokens"


def trainer(folder, out, training=None):
    """A trainer on what is packed."""
    tokens, training = make(folder), training or plan()
    index = Index.read(tokens)
    windows = {name: Windows(stream, CONTEXT) for name, stream in streams(tokens, index).items()}
    batches = Mixed(windows, Mixture({"a": [(0, 2), (1, 1)], "b": [(0, 1)]}, training.rows, training.steps), 5, {})
    held = {name: Measured(stream, CONTEXT, 10_000).held(8) for name, stream in streams(tokens, index, True).items()}
    out.mkdir(parents=True, exist_ok=True)
    return Trainer(Objective(seeded(SHAPE, 5)), training, batches, held, out)


class Watch:
    """Remembers; and at a step does what it is told."""

    def __init__(self, at=-1, then=lambda: None):
        self.at, self.then, self.losses, self.lines, self.scores = at, then, [], [], []

    def began(self, step, computing, pace, peak_flops):
        self.first = step

    def stepped(self, step, loss, pace):
        self.losses.append(loss)
        if step == self.at:
            self.then()

    def measured(self, step, scores, model):
        self.scores.append(scores)

    def happened(self, line):
        self.lines.append(line)


def metrics(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def main(kind, folder, out):
    folder, out = Path(folder), Path(out)
    if kind == "slow":
        watch = Watch()
        watch.stepped = lambda *_: time.sleep(0.03)
        trainer(folder, out, plan(save_seconds=0.0)).run(watch)
        return
    for one_kind in kind.split(","):
        parallel, optimizer = one_kind.split("-")
        one = trainer(folder, out / one_kind, plan(parallel=parallel, optimizer=optimizer, steps=RANK_STEPS))
        one.run(Watch())
        weights = one.weights()
        if one.ranks.first:
            kept = {name: weight.contiguous() for name, weight in weights.items()}
            save_file(kept, out / one_kind / "final.safetensors")
        one.ranks.wait()
    one.ranks.leave()


if __name__ == "__main__":
    main(*sys.argv[1:])
