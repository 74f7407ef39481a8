"""Mixing law: how the loss on each source hangs on its share in what was read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from lmloop.core.card import Card
from lmloop.core.draft import draft
from lmloop.core.errors import DataError
from lmloop.core.step import BLOCKS, Artifact, Context, Kind, Metrics, Step
from lmloop.kernels.scaling.mixing import Mixing, best, fewest, left_out, mixing, straight
from lmloop.kernels.scaling.points import Floats
from lmloop.report import blocks

FOUND = "mixtures.json"
HELD = "loss/"
DRAWN = 60


@dataclass(frozen=True)
class Study:
    """Trainings, the shares [n, M] of the sources in each and its losses [n, M]; the law of each source.

    ``foretold`` [n, M] is what the others say of each training by the law, and ``plain`` by a straight line or plane.
    """

    names: Sequence[str]
    sources: Sequence[str]
    shares_nM: Floats
    losses_nM: Floats
    laws: list[Mixing]
    foretold_nM: Floats
    plain_nM: Floats

    def miss(self, foretold_nM: Floats) -> Floats:
        """Give the mean distance of what was foretold and what came, of mixtures of more than one source: [M]."""
        mixed = (self.shares_nM > 0).sum(axis=1) > 1
        return np.asarray(np.abs(foretold_nM - self.losses_nM)[mixed].mean(axis=0))


class MixingLaw(Step):
    """Find the law by which the loss on each source hangs on the shares of all in what was read (Ye et al. 2024).

    It reads pretrain steps that differ in their ``mixture`` alone, with a number for each source and held-out text of
    each. Each training's losses are also foretold from all the others, by the law and by a straight line.
    """

    takes: ClassVar[tuple[Kind, ...]] = ("weights",)
    makes: ClassVar[Kind] = "scores"

    def run(self, inputs: list[Artifact], out: Path, context: Context) -> Metrics:
        """Read the trainings, fit, and leave ``mixtures.json`` and what a person should see."""
        found = study(inputs)
        with draft(out / FOUND) as place:
            place.write_text(json.dumps(_plain(found)), encoding="utf-8")
        blocks.write(out / BLOCKS, _blocks(found))
        told = {f"miss/{name}": round(float(miss), 4) for name, miss in zip(found.sources, _misses(found), strict=True)}
        shares, loss = best(found.laws)
        lowest = {f"best/{name}": float(share) for name, share in zip(found.sources, shares, strict=True)}
        return {**told, **lowest, "best_loss": round(loss, 4)}


def study(inputs: Sequence[Artifact]) -> Study:
    """Read base models and fit the law of each source.

    Raises:
        DataError: one has no mixture of numbers or no held-out losses, or they are too few.
    """
    read = [_read(item) for item in inputs]
    sources = sorted(read[0][1])
    if any(sorted(losses) != sources for _, losses in read):
        raise DataError("these models were not measured on the same sources", hint="give all the same tokens")
    needed = fewest(len(sources))
    if len(read) < needed:
        raise DataError(f"{len(read)} trainings are too few for {len(sources)} sources", hint=f"take {needed} or more")
    shares = np.array([[shares.get(name, 0.0) for name in sources] for shares, _ in read])
    losses = np.array([[losses[name] for name in sources] for _, losses in read])
    return Study(
        [item.id or item.path.name for item in inputs],
        sources,
        shares,
        losses,
        [mixing(shares, column) for column in losses.T],
        np.stack([left_out(shares, column) for column in losses.T], axis=1),
        np.stack([straight(shares, column) for column in losses.T], axis=1),
    )


def _read(item: Artifact) -> tuple[dict[str, float], dict[str, float]]:
    """Give the shares that a model read, and its held-out losses, both by source."""
    card = Card.read(item.path)
    losses = {name.removeprefix(HELD): float(loss) for name, loss in card.metrics.items() if name.startswith(HELD)}
    said = card.settings.get("mixture") or {}
    if card.use != "pretrain" or len(losses) < 2 or not all(isinstance(each, int | float) for each in said.values()):
        hint = "it reads pretrain steps with a mixture of numbers, and text of each source held out"
        raise DataError(f"{item.path.name} has no mixture of several sources", hint=hint)
    if not said or set(said) - set(losses):
        known = ", ".join(sorted(losses))
        raise DataError(f"{item.path.name}: its mixture does not name its sources", hint=f"there are: {known}")
    total = sum(said.values())
    return {name: weight / total for name, weight in said.items()}, losses


def _misses(found: Study) -> list[float]:
    return [float(each) for each in found.miss(found.foretold_nM)]


def _plain(found: Study) -> dict[str, object]:
    """Give it as JSON."""
    rows = [
        {"name": name, **{key: getattr(found, f"{key}_nM")[row].tolist() for key in ("shares", "losses", "foretold")}}
        for row, name in enumerate(found.names)
    ]
    laws = [{"floor": law.floor, "amount": law.amount, "pull": law.pull_M.tolist()} for law in found.laws]
    return {"sources": list(found.sources), "trainings": rows, "laws": laws}


def _blocks(found: Study) -> list[blocks.Block]:
    shares, loss = best(found.laws)
    mixture = ", ".join(f"{name} {share:.0%}" for name, share in zip(found.sources, shares, strict=True))
    plain = found.miss(found.plain_nM)
    figures = [blocks.Figure("lowest mean loss", round(loss, 3), caption=f"nats a token, by the laws, at {mixture}")]
    for name, miss, other in zip(found.sources, _misses(found), plain, strict=True):
        caption = f"nats a token, when left out; {other:.3f} by a straight line"
        figures.append(blocks.Figure(f"law off by, {name}", round(miss, 3), caption=caption))
    drawn = [_curve(found, place) for place in range(len(found.sources))]
    return [blocks.Numbers("What the mixture does", tuple(figures)), *drawn, _table(found)]


def _curve(found: Study, place: int) -> blocks.Curve:
    """Draw the loss on a source over its share; of two sources, with the law."""
    name = found.sources[place]
    x, y = found.shares_nM[:, place], found.losses_nM[:, place]
    order = np.argsort(x, kind="stable")
    trained = blocks.Line("trained", _row(x[order]), _row(y[order]), dots=True)
    lines = [trained]
    if len(found.sources) == 2:
        at = np.linspace(float(x.min()), float(x.max()), DRAWN)
        shares = np.stack([at, 1 - at], axis=1)
        law = found.laws[place].at(shares if place == 0 else shares[:, ::-1])
        foretold = _row(found.foretold_nM[order, place])
        lines = [blocks.Line("law", _row(at), _row(law)), trained]
        lines.append(blocks.Line("foretold by the others", _row(x[order]), foretold, dots=True))
    return blocks.Curve(f"Loss on {name}", tuple(lines), f"share of {name}", "nats a token")


def _table(found: Study) -> blocks.Table:
    rows: list[tuple[blocks.Cell, ...]] = []
    for row, name in enumerate(found.names):
        shares = (f"{share:.0%}" for share in found.shares_nM[row])
        pairs = zip(found.losses_nM[row], found.foretold_nM[row], strict=True)
        told = (f"{came:.3f} ({said:.3f})" for came, said in pairs)
        rows.append((name, *shares, *told, round(float(found.losses_nM[row].mean()), 3)))
    names = (*(f"share of {name}" for name in found.sources), *(f"loss on {name}" for name in found.sources))
    note = "in brackets: foretold by the law from all other trainings"
    return blocks.Table("Mixtures", ("training", *names, "mean loss"), tuple(rows), note=note)


def _row(values: Floats) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)
