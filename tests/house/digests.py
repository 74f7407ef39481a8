"""What each op makes of the same texts, as a digest: a change that should not change results must not.

``python tests/house/digests.py --write`` stores them anew. An op that gives other results under the same version is
refused: raise its ``version`` first, so that nothing made before is taken for what would be made now.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from lmloop.core.batch import Batch
from lmloop.core.listing import names
from lmloop.core.op import Op
from lmloop.core.part import find
from lmloop.testing.samples import sample_batch

STORED = Path(__file__).with_name("digests.json")


def digest(op: Op) -> str:
    """Digest all that an op gives for the battery's texts; of fractions, six digits."""
    outcome = op.apply(sample_batch())
    body = json.dumps([_plain(outcome.batch), _plain(outcome.dropped)], ensure_ascii=True, sort_keys=True)
    return hashlib.blake2b(body.encode(), digest_size=8).hexdigest()


def current() -> dict[str, dict[str, Any]]:
    """Give the version and the digest of each op's example."""
    ops = {name: cast(Op, find("ops", name).example()) for name in names("ops")}
    return {name: {"version": op.version, "digest": digest(op)} for name, op in ops.items()}


def stored() -> dict[str, dict[str, Any]]:
    """Give what was stored."""
    found: dict[str, dict[str, Any]] = json.loads(STORED.read_text(encoding="utf-8"))
    return found


def _plain(batch: Batch) -> list[dict[str, Any]]:
    rounded = [
        {name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in row.items()}
        for row in pa.Table.from_batches([batch]).to_pylist()
    ]
    return json.loads(json.dumps(rounded, default=str))


def main() -> None:
    """Store the digests, or say which op needs a new version first."""
    before = stored() if STORED.exists() else {}
    now = current()
    changed = [name for name, row in now.items() if name in before and row["digest"] != before[name]["digest"]]
    if stuck := [name for name in changed if now[name]["version"] == before[name]["version"]]:
        sys.exit(f"other results under the same version: {', '.join(stuck)}; raise their version")
    if "--write" in sys.argv:
        STORED.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
