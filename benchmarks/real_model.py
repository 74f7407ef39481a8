"""What every method made of a real model: the table and the picture of docs/guide/finetune-real-model.md.

Run the recipe ``real-model`` (or parts of it), then ``python benchmarks/real_model.py runs --picture out.png``. It
reads the folders of the runs, finished or not, and prints a line for each: what was trained, for how many steps, and
the loss on held-out questions before and after. Nothing is computed here.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmloop.report.training import Written

METHODS = (
    ("lora", "LoRA"),
    ("lora-equal", "LoRA, rank 43"),
    ("dora", "DoRA"),
    ("rslora", "rsLoRA"),
    ("lora-plus", "LoRA+"),
    ("ia3", "IA3"),
    ("mixlora", "MixLoRA"),
    ("mola", "MoLA"),
    ("pesc", "PESC"),
    ("loramoe", "LoRAMoE"),
    ("moelora", "MOELoRA"),
    ("molora", "MoLoRA"),
    ("mov", "MoV"),
)
SMOOTH = 12
"""Training losses are drawn as the mean of so many steps: a step has only about two replies."""


@dataclass(frozen=True)
class Tuned:
    """A tuning: its name, its folder, and what it wrote down."""

    name: str
    folder: Path
    written: Written

    @property
    def steps(self) -> int:
        """How many steps it has made."""
        return int(self.written.steps[-1]["step"]) if self.written.steps else 0

    def card(self) -> dict[str, Any]:
        """What the run says of itself, once it is finished."""
        path = self.folder / "run.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return found

    def line(self) -> str:
        """A row of the table; losses are before the first step and at the last measurement."""
        card = self.card()
        trained = f"{card['metrics']['trained']:,}" if card else ""
        at = self.written.held[-1]["step"]
        told = [f"{loss(self.written.held[0], task):.2f} → {loss(self.written.held[-1], task):.2f}" for task in TASKS]
        state = str(self.steps) if card else f"{self.steps}, measured at {at}"
        return f"| {self.name} | {trained} | {state} | {' | '.join(told)} |"


TASKS = ("function", "class", "module")


def loss(row: Any, task: str) -> float:
    """Give the held-out loss of a task."""
    found: float = row["held"][task]["loss"]
    return found


def find(home: Path) -> list[Tuned]:
    """Find the tunings in a folder of runs; of one that is there twice, the newest."""
    found = []
    for key, name in METHODS:
        folders = [path for path in home.glob(f"{key}-*") if (path / "metrics.jsonl").is_file()]
        folders = [path for path in folders if "-" not in path.name.removeprefix(f"{key}-")]
        if folders:
            newest = max(folders, key=lambda path: path.stat().st_mtime)
            found.append(Tuned(name, newest, Written.read(newest)))
    return [tuned for tuned in found if tuned.written.held]


def draw(tunings: list[Tuned], path: Path) -> None:
    """Draw the losses: in training on the left, held out on the right."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    _, (left, right) = plt.subplots(1, 2, figsize=(13, 4.6))
    for axis in (left, right):
        axis.set_prop_cycle(color=[mpl.colormaps["tab20"](number) for number in range(len(METHODS))])
    for tuned in tunings:
        losses = [row["loss"] for row in tuned.written.steps]
        means = [sum(losses[n : n + SMOOTH]) / SMOOTH for n in range(len(losses) - SMOOTH + 1)]
        left.plot(range(SMOOTH, len(losses) + 1), means, label=tuned.name)
        held = tuned.written.held
        right.plot(
            [row["step"] for row in held],
            [sum(loss(row, task) for task in TASKS) / len(TASKS) for row in held],
            marker="o",
            label=tuned.name,
        )
    left.set(title=f"Training loss, mean of {SMOOTH} steps", xlabel="step", ylabel="nats a token")
    right.set(title="Held-out loss, mean of three tasks", xlabel="step")
    right.legend(bbox_to_anchor=(1.02, 1), loc="upper left")
    plt.tight_layout()
    plt.savefig(path, dpi=110)


def main() -> None:
    """Print the table; draw the picture if one is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path, help="folder of the runs")
    parser.add_argument("--picture", type=Path, help="file for the picture")
    given = parser.parse_args()
    tunings = find(given.home)
    print(f"| method | trained weights | steps | {' | '.join(TASKS)} |")
    print(f"|{'---|' * (3 + len(TASKS))}")
    for tuned in tunings:
        print(tuned.line())
    if given.picture is not None:
        draw(tunings, given.picture)


if __name__ == "__main__":
    main()
