"""Rows of finished work in an unfinished result: whoever goes on with it begins behind the last one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmloop.core.draft import draft


@dataclass
class KeptRows:
    """A file of JSON lines that always holds whole rows, in the order in which they were added."""

    path: Path
    rows: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path) -> "KeptRows":
        """Read what is there."""
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return cls(path, [json.loads(line) for line in lines])

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row: the file is written anew, and takes the old one's place."""
        self.rows.append(dict(row))
        with draft(self.path) as place:
            place.write_text("".join(json.dumps(each) + "\n" for each in self.rows), encoding="utf-8")
