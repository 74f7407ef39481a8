import json

import numpy as np
import pytest

from lmloop import run
from lmloop.kernels.tokenizing import Tokenizer

TEXTS = ["The town has a river, and it isn't wide. 12345 of us live here.\n"] * 5 + [
    "这座城市有一条河，河上有一座桥。\n"
] * 5


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in TEXTS))
    return tmp_path


def recipe(**settings):
    reader = {"use": "jsonl", "files": ["rows.jsonl"]}
    return {
        "name": "t",
        "step": [
            {"id": "raw", "use": "ingest", "reader": reader},
            {"id": "tok", "use": "tokenizer", "from": ["raw"], **settings},
        ],
    }


def test_a_recipe_gives_a_tokenizer_that_reads_both_languages_back(project):
    done = run(recipe(vocab_size=384), home=project / "runs", workers=1)["tok"]
    tokenizer = Tokenizer.load(done.path)
    assert tokenizer.vocab_size == done.metrics["vocab_size"] == 384
    texts = [*TEXTS, "", "Unseen: Ωμέγα 😀\x00", "没见过的字：龘"]
    found = tokenizer.encode_batch(texts)
    assert all(ids.dtype == np.uint32 for ids in found)
    assert [tokenizer.decode(ids) for ids in found] == texts
    assert len({tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id}) == 3


def test_what_somebody_types_is_no_special_token(project):
    tokenizer = Tokenizer.load(run(recipe(vocab_size=384), home=project / "runs", workers=1)["tok"].path)
    assert tokenizer.eos_id not in tokenizer.encode_batch(["<|eos|>"])[0]
    assert tokenizer.encode("<|eos|>", specials=True).tolist() == [tokenizer.eos_id]
