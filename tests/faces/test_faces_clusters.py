"""``lmloop show RUN --clusters``: what was taken for copies of each other."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from verb_project import Call

from lmloop.faces.clusters import clusters

HARBOUR = "The old harbour lies behind the town, and the road to it is long and steep in winter"
HARBOUR_ZH = "旧港口在镇子的后面，冬天去那里的路又长又陡，夏天却有很多人从城里骑车过来看船"
TEXTS = {
    "a.txt": HARBOUR,
    "b.txt": f"{HARBOUR}, they say.",
    "c.txt": f"{HARBOUR}, they say, and so it is.",
    "d.txt": HARBOUR_ZH,
    "e.txt": HARBOUR_ZH + "。",
    "f.txt": "Something else is written here, and nobody has copied it so far.",
}


@pytest.fixture
def run(fresh: Path, call: Call) -> Path:
    for path in (fresh / "notes").iterdir():
        path.unlink()
    for name, text in TEXTS.items():
        (fresh / "notes" / name).write_text(text, encoding="utf-8")
    ops = "exact,minhash"
    result = call("curate", "notes", "-o", "out", "--ops", ops, "--set", "minhash.n=2", "--set", "minhash.keep=longest")
    assert result.exit_code == 0, result.output
    return fresh


def test_clusters_have_the_kept_one_first_and_how_alike_the_others_are(run: Path, call: Call) -> None:
    text = call("show", "clean", "--home", "out", "--clusters").stdout
    assert "minhash: the largest of 2 clusters" in text
    first, second = text.split("2. 2 documents")
    assert "1. 3 documents" in first
    assert first.index("kept  notes/c.txt") < first.index("notes/a.txt")
    assert "they say, and so it is" in first.replace("\n           ", " ")
    assert "kept  notes/e.txt" in second
    assert "1.00  notes/d.txt" in second
    assert "notes/f.txt" not in text


def test_clusters_as_json_and_as_many_as_asked_for(run: Path, call: Call) -> None:
    (line,) = call("show", "clean", "--home", "out", "--clusters", "-n", "1", "--json").stdout.splitlines()
    cluster = json.loads(line)
    assert (cluster["op"], cluster["size"], cluster["of"]) == ("minhash", 3, 2)
    assert [member["kept"] for member in cluster["members"]] == [True, False, False]
    kept, *others = cluster["members"]
    assert kept["similarity"] == 1
    words = [TEXTS[name].replace(",", "").replace(".", "").lower().split() for name in ("c.txt", "a.txt", "b.txt")]
    pairs = [set(pairwise(part)) for part in words]
    exact = [round(len(pairs[0] & pair) / len(pairs[0] | pair), 4) for pair in pairs[1:]]
    assert [member["similarity"] for member in others] == exact


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["clean", "--clusters", "--op", "exat"], "has no clusters of 'exat'"),
        (["raw-text", "--clusters"], "has no clusters"),
    ],
)
def test_where_there_are_none(run: Path, call: Call, asked: list[str], said: str) -> None:
    result = call("show", *asked, "--home", "out")
    assert result.exit_code not in (0, None)
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_texts_that_were_not_kept_have_no_similarity(run: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lmloop.core.card import Card
    from lmloop.core.lineage import find_run

    folder = find_run(run / "out", "clean")
    for path in (folder / "dropped").glob("*.parquet"):
        table = pq.read_table(path)
        place = table.schema.get_field_index("text")
        pq.write_table(table.set_column(place, "text", pa.nulls(table.num_rows, pa.string())), path)
    found = list(clusters(folder, Card.read(folder), 5, "minhash"))
    assert {row["similarity"] for cluster in found for row in cluster["members"] if not row["kept"]} == {None}
