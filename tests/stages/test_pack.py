import json

import numpy as np
import pytest

from lmloop import run
from lmloop.core.errors import LmloopError
from lmloop.kernels.held import is_held
from lmloop.kernels.packed import Index, streams
from lmloop.kernels.tokenizing import Tokenizer

TEXTS = [f"Document {n} says the same as all others, and {'no' * (n % 5)}thing more. 第{n}篇文档。" for n in range(60)]


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """A recipe that packs some texts of two kinds, with one that is empty."""
    monkeypatch.chdir(tmp_path)
    rows = [{"text": text, "kind": "even" if n % 2 else "odd"} for n, text in enumerate([*TEXTS, ""])]
    for part in range(3):
        lines = [json.dumps(row) for row in rows[part::3]]
        (tmp_path / f"rows{part}.jsonl").write_text("\n".join(lines))
    return {
        "name": "t",
        "step": [
            {
                "id": "raw",
                "use": "ingest",
                "reader": {"use": "jsonl", "files": ["*.jsonl"], "meta": ["kind"]},
                "shard_mb": 0.0001,
            },
            {"id": "words", "use": "tokenizer", "from": ["raw"], "vocab_size": 384},
            {"id": "tokens", "use": "pack", "from": ["raw", "words"], "held": 0.2},
        ],
    }


def documents(folder, held):
    index = Index.read(folder)
    tokenizer = Tokenizer.load(folder / "tokenizer")
    found = []
    for stream in streams(folder, index, held).values():
        for start, stop, size in stream.documents():
            ids = stream.read(start, stop)[0]
            assert (ids[0], ids[-1]) == (tokenizer.bos_id, tokenizer.eos_id)
            text = tokenizer.decode(ids[1:-1])
            assert len(text.encode()) == size
            found.append(text)
    return found


def test_every_document_comes_back_whole_and_once(packed, tmp_path):
    done = run(packed, home=tmp_path / "runs", workers=1)["tokens"]
    trained, held = documents(done.path, False), documents(done.path, True)
    assert sorted(trained + held) == sorted(TEXTS)
    assert 3 <= len(held) <= 25
    assert done.metrics["documents"] == len(TEXTS)
    assert done.metrics["drop/pack/no text"] == 1
    index = Index.read(done.path)
    assert (index.dtype, index.tokenizer) == ("uint16", Tokenizer.load(done.path / "tokenizer").digest)
    assert done.metrics["tokens"] == sum(piece.tokens for piece in index.pieces if not piece.held)


def test_workers_and_shards_change_nothing_and_what_is_held_out_stays_so(packed, tmp_path):
    one = run(packed, home=tmp_path / "one", workers=1)["tokens"]
    two = run(packed, home=tmp_path / "two", workers=2)["tokens"]
    names = sorted(path.name for path in (one.path / "data").iterdir())
    assert names == sorted(path.name for path in (two.path / "data").iterdir())
    assert all((one.path / "data" / name).read_bytes() == (two.path / "data" / name).read_bytes() for name in names)
    packed["step"][0]["shard_mb"] = 16
    whole = run(packed, home=tmp_path / "whole", workers=1)["tokens"]
    assert sorted(documents(whole.path, True)) == sorted(documents(one.path, True))
    packed["step"][2]["held"] = 0.5
    more = run(packed, home=tmp_path / "one", workers=1)["tokens"]
    assert set(documents(one.path, True)) < set(documents(more.path, True))


def test_sources_are_inputs_or_what_meta_says(packed, tmp_path):
    done = run(packed, home=tmp_path / "runs", workers=1)
    assert Index.read(done["tokens"].path).sources == ("raw",)
    packed["step"][2]["by"] = "kind"
    assert Index.read(run(packed, home=tmp_path / "runs", workers=1)["tokens"].path).sources == ("even", "odd")


def test_the_share_held_out_is_as_asked():
    shares = [np.mean([is_held(f"id{n}", share) for n in range(4000)]) for share in (0.0, 0.1, 0.5)]
    assert shares == pytest.approx([0.0, 0.1, 0.5], abs=0.03)


def test_packing_without_a_tokenizer_is_told(packed, tmp_path):
    packed["step"][2]["from"] = ["raw"]
    with pytest.raises(LmloopError, match="needs tokenizer"):
        run(packed, home=tmp_path / "runs", workers=1)


def test_the_tokenizer_of_a_model_that_no_step_made(packed, tmp_path):
    words = run(packed, home=tmp_path / "runs", workers=1)["words"].path
    (tmp_path / "model").mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "model" / name).write_bytes((words / name).read_bytes())
    del packed["step"][1]
    step = packed["step"][1] = {"id": "tokens", "use": "pack", "from": ["raw"], "held": 0.2, "tokenizer": "model"}
    done = run(packed, home=tmp_path / "other", workers=1)["tokens"]
    index = Index.read(done.path)
    assert (index.tokenizer, index.before) == (Tokenizer.load(words).digest, Tokenizer.load(words).bos_id)
    # another file is another tokenizer, and other tokens
    config = tmp_path / "model" / "tokenizer_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "bos_token": "<|pad|>"}))
    assert Index.read(run(packed, home=tmp_path / "other", workers=1)["tokens"].path).before != index.before
    step["tokenizer"] = "nowhere"
    with pytest.raises(LmloopError, match=r"no tokenizer.json in"):
        run(packed, home=tmp_path / "other", workers=1)
