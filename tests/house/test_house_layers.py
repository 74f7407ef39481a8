"""Imports point downwards, and no package was forgotten in the contracts that say so."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
BESIDE = {"testing"}
"""The battery for plug-in authors looks at every kind of part, and nothing of the package imports it."""


def contracts() -> list[dict[str, object]]:
    return list(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"])


def test_every_package_has_its_floor() -> None:
    (layers,) = (contract["layers"] for contract in contracts() if contract["type"] == "layers")
    assert isinstance(layers, list)
    floors = {name.strip().removeprefix("lmloop.") for floor in layers for name in floor.split("|")}
    packages = {path.parent.name for path in (ROOT / "src" / "lmloop").glob("*/__init__.py")}
    assert packages - BESIDE == floors


def test_no_package_but_nn_may_touch_torch() -> None:
    (rule,) = (contract for contract in contracts() if contract.get("forbidden_modules") == ["torch"])
    packages = {path.parent.name for path in (ROOT / "src" / "lmloop").glob("*/__init__.py")}
    assert rule["source_modules"] == [f"lmloop.{name}" for name in sorted(packages - {"nn"})]
