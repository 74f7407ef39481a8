from pathlib import Path

import pytest

PROSE = "The people of the town number {n} have been with us and that is all that we know to be true of {n}. "


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with prose, copies, near copies, short texts and one file that is no text."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "texts"
    folder.mkdir()
    for n in range(12):
        body = "".join(PROSE.format(n=f"{chr(97 + n)}{k}x") for k in range(6))
        (folder / f"a{n:02d}.txt").write_text(body)
        if n < 3:
            (folder / f"b{n:02d}.txt").write_text(body)
        if n < 2:
            (folder / f"c{n:02d}.txt").write_text(body + " One more word.")
    (folder / "short.txt").write_text("too short")
    (folder / "hostile.txt").write_text("<script>alert(1)</script> " * 3)
    (folder / "broken.txt").write_bytes(b"\x81")
    return tmp_path


@pytest.fixture
def recipe() -> dict[str, object]:
    """Ingest, curate with every kind of op, and report."""
    return {
        "name": "t",
        "seed": 3,
        "step": [
            {"id": "raw", "use": "ingest", "reader": {"use": "text", "files": ["texts"]}, "shard_mb": 0.002},
            {
                "id": "clean",
                "use": "curate",
                "from": ["raw"],
                "ops": ["unicode", "gopher-quality", "exact", {"use": "length", "min_characters": 10}, "minhash"],
            },
            {"id": "page", "use": "report", "from": ["clean"]},
        ],
    }
