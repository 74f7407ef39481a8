"""The lineage of a run, drawn from left to right: input files, the steps that read them, their results."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from lmloop.report.blocks import Lineage, Node
from lmloop.report.prose import ellipsis
from lmloop.report.svg import Attributes, element, tip, words
from lmloop.report.units import duration, number

WIDTH, HEIGHT = 178, 70
ACROSS, DOWN = 44, 18
SMALLEST = 0.9  # a wide drawing shrinks this far before it has to be scrolled
SWEEPS = 6

Neighbours = dict[str, list[str]]


def lineage(block: Lineage, anchors: Mapping[str, str]) -> str:
    """The whole drawing; a node that has a section in the page links to it by `anchors`."""
    nodes = {node.id: node for node in block.nodes}
    layers, chains = _layers(nodes)
    before, after = _neighbours(chains)
    _untangle(layers, before, after)
    rows = _settle(layers, before, after)
    places = {
        name: (column * (WIDTH + ACROSS) + 1, rows[name] * (HEIGHT + DOWN) + 1)
        for column, layer in enumerate(layers)
        for name in layer
    }
    width = len(layers) * (WIDTH + ACROSS) - ACROSS + 2
    height = round((max(rows.values(), default=0) + 1) * (HEIGHT + DOWN) - DOWN + 2)
    edges = [element("path", {"class": "edge", "d": _bend(chain, places)}) for chain in chains]
    boxes = [_box(node, places[node.id], anchors) for node in block.nodes]
    described: Attributes = {
        "class": "dag",
        "style": f"max-width:{width}px;min-width:{width * SMALLEST:.0f}px",
        "role": "img",
        "aria-label": block.title,
    }
    return element("svg", {**described, "viewBox": f"0 0 {width} {height}"}, *edges, *boxes)


def _layers(nodes: Mapping[str, Node]) -> tuple[list[list[str]], list[list[str]]]:
    """Columns of names, and each edge as the chain of names it passes.

    An edge that skips columns gets a stand-in in each, so that it is kept clear of the boxes there.
    """
    depth = dict.fromkeys(nodes, 0)
    for _ in nodes:
        for node in nodes.values():
            parents = [depth[parent] for parent in node.parents if parent in nodes and parent != node.id]
            depth[node.id] = min(max((deep + 1 for deep in parents), default=0), len(nodes) - 1)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in nodes:
        layers[depth[name]].append(name)
    chains = []
    for node in nodes.values():
        for parent in node.parents:
            if parent not in nodes:
                continue
            chain = [parent]
            for column in range(depth[parent] + 1, depth[node.id]):
                chain.append(f"{parent}\0{node.id}\0{column}")
                layers[column].append(chain[-1])
            chains.append([*chain, node.id])
    return [layer for layer in layers if layer], chains


def _neighbours(chains: Sequence[Sequence[str]]) -> tuple[Neighbours, Neighbours]:
    """For each name, those it hangs on to the left and to the right."""
    before: Neighbours = {}
    after: Neighbours = {}
    for chain in chains:
        for left, right in pairwise(chain):
            before.setdefault(right, []).append(left)
            after.setdefault(left, []).append(right)
    return before, after


def _untangle(layers: list[list[str]], before: Neighbours, after: Neighbours) -> None:
    """Order each column by where its neighbours lie, to and fro, which removes most crossings."""
    for sweep in range(SWEEPS):
        forwards = sweep % 2 == 0
        for layer in layers if forwards else reversed(layers):
            # Rows are counted from the middle, so that columns of different lengths compare.
            rows = {name: row - len(each) / 2 for each in layers for row, name in enumerate(each)}
            layer.sort(key=lambda name: _middle(name, before if forwards else after, rows))


def _settle(layers: Sequence[Sequence[str]], before: Neighbours, after: Neighbours) -> dict[str, float]:
    """A height for each name in rows, from 0: level with its neighbours where its column has room."""
    rows = {name: row - len(layer) / 2 for layer in layers for row, name in enumerate(layer)}
    for sweep in range(SWEEPS):
        forwards = sweep % 2 == 0
        for layer in layers if forwards else reversed(layers):
            wanted = [_middle(name, before if forwards else after, rows) for name in layer]
            given: list[float] = []
            for wish in wanted:
                given.append(max(wish, given[-1] + 1) if given else wish)
            # Pushing apart has only moved names down; moving the column back spreads it over all of them.
            back = sum(given[row] - wish for row, wish in enumerate(wanted)) / len(layer)
            rows.update(zip(layer, (row - back for row in given), strict=True))
    top = min(rows.values(), default=0)
    return {name: row - top for name, row in rows.items()}


def _middle(name: str, neighbours: Neighbours, rows: Mapping[str, float]) -> float:
    found = [rows[other] for other in neighbours.get(name, ())]
    return sum(found) / len(found) if found else rows[name]


def _bend(chain: Sequence[str], places: Mapping[str, tuple[float, float]]) -> str:
    """A path that leaves and enters every box level, and runs straight through the stand-ins."""
    left, top = places[chain[0]]
    commands = [f"M{left + WIDTH:g} {top + HEIGHT / 2:g}"]
    for name in chain[1:]:
        start, high = left + WIDTH, top + HEIGHT / 2
        left, top = places[name]
        middle, low = (start + left) / 2, top + HEIGHT / 2
        commands.append(f"C{middle:g} {high:g} {middle:g} {low:g} {left:g} {low:g}")
        if name != chain[-1]:
            commands.append(f"H{left + WIDTH:g}")
    return "".join(commands)


def _box(node: Node, place: tuple[float, float], anchors: Mapping[str, str]) -> str:
    is_file = node.use == "file"
    state = "file" if is_file else "made" if node.made else "kept"
    frame: Attributes = {
        "class": "box",
        "width": WIDTH,
        "height": HEIGHT,
        "rx": HEIGHT / 2 if is_file else 10,
    }
    inset = 22 if is_file else 16
    rows = f"{number(node.rows)} rows" if node.rows is not None else ""
    detail = " · ".join(part for part in (node.use, _seconds(node)) if part)
    parts = [
        tip(_facts(node, state)),
        element("rect", frame),
        words(ellipsis(node.id, 17), {"class": "name", "x": inset, "y": 25}),
        words(ellipsis(detail, 24), {"class": "detail", "x": inset, "y": 42}),
        words(rows, {"class": "detail rows", "x": inset, "y": 58}),
    ]
    if not is_file:
        parts.append(element("circle", {"class": "state", "cx": WIDTH - 16, "cy": 20, "r": 4}))
    group = {"class": f"node {state}", "transform": f"translate({place[0]:g} {place[1]:g})"}
    drawn = element("g", group, *parts)
    return element("a", {"href": f"#{anchors[node.id]}"}, drawn) if node.id in anchors else drawn


def _seconds(node: Node) -> str:
    return duration(node.seconds) if node.seconds is not None else ""


def _facts(node: Node, state: str) -> list[str]:
    told = {"file": "input file", "made": "made in this run", "kept": "kept from an earlier run"}[state]
    rows = f"{number(node.rows)} rows" if node.rows is not None else ""
    return [line for line in (f"{node.id}: {told}", node.folder, node.key, rows, _seconds(node)) if line]
