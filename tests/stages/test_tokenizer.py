import json
import random

import numpy as np
import pytest

from lmloop import run
from lmloop.core.errors import LmloopError
from lmloop.kernels.tokenizing import Tokenizer

EN = ["the", "town", "has", "a", "river", "and", "it", "isn't", "wide", "because", "people", "built", "bridges"]
ZH = ["这座", "城市", "河流", "语言", "模型", "的", "人们", "学习", "桥", "因为", "质量"]


def sentences(count, seed=0):
    draw = random.Random(seed)
    for n in range(count):
        english = " ".join(draw.choices(EN, k=12)).capitalize() + f". {draw.randrange(9999)}\n"
        yield {"text": english, "lang": "en", "same": n}
        yield {"text": "".join(draw.choices(ZH, k=9)) + "。\n", "lang": "zh", "same": n}


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = list(sentences(300))
    lines = {
        "rows.jsonl": rows,
        "en.jsonl": [row for row in rows if row["lang"] == "en"],
        "held.jsonl": list(sentences(40, 9)),
    }
    for name, some in lines.items():
        (tmp_path / name).write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in some), encoding="utf-8")
    return tmp_path


def raw(name="rows"):
    return {
        "id": name,
        "use": "ingest",
        "reader": {"use": "jsonl", "files": [f"{name}.jsonl"], "meta": ["lang", "same"]},
    }


def make(project, *steps, seed=0, workers=1):
    recipe = {"name": "t", "seed": seed, "step": [*steps]}
    return run(recipe, home=project / "runs", workers=workers)


def train(project, seed=0, **settings):
    step = {"id": "tok", "use": "tokenizer", "from": ["rows"], "vocab_size": 512, **settings}
    return make(project, raw(), step, seed=seed)["tok"]


def test_a_recipe_gives_a_tokenizer_that_reads_both_languages_back(project):
    done = train(project)
    tokenizer = Tokenizer.load(done.path)
    assert tokenizer.vocab_size == done.metrics["vocab_size"] == 512
    texts = ["The town isn't wide.", "", "Unseen: Ωμέγα 😀\x00", "没见过的字：龘<|eos|>"]
    found = tokenizer.encode_batch(texts)
    assert all(ids.dtype == np.uint32 for ids in found)
    assert [tokenizer.decode(ids) for ids in found] == texts
    assert len({tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id}) == 3
    assert tokenizer.eos_id not in found[3]
    assert done.metrics["lost_characters"] == done.metrics["unreachable"] == 0


def test_counts_are_those_of_the_training_text(project):
    done = train(project)
    tokenizer = Tokenizer.load(done.path)
    texts = [row["text"] for row in sentences(300)]
    ids = np.concatenate(tokenizer.encode_batch(texts))
    assert np.array_equal(np.load(done.path / "training_counts.npy"), np.bincount(ids, minlength=512))


@pytest.mark.parametrize(
    "settings",
    [
        {"preset": "cjk", "digits": 1},
        {"preset": "code"},
        {"preset": "gpt2", "digits": 0},
        {"algorithm": "unigram"},
    ],
    ids=str,
)
def test_every_kind_loses_nothing(project, settings):
    tokenizer = Tokenizer.load(train(project, **settings).path)
    texts = ["河流 the river's 12345\n\n\t", "x = readFile()\r\n  y"]
    assert [tokenizer.decode(ids) for ids in tokenizer.encode_batch(texts)] == texts


def test_both_trainers_learn_the_same(project):
    one, other = train(project), train(project, trainer="tokenizers")
    assert (one.path / "tokenizer.json").read_bytes() == (other.path / "tokenizer.json").read_bytes()


def test_the_sample_follows_quota_and_seed_and_is_written_down(project):
    settings = {"by": "lang", "quota": {"en": 1, "zh": 3}, "max_mb": 0.008}
    done, other = train(project, **settings), train(project, seed=1, **settings)
    manifest = json.loads((done.path / "sample.json").read_bytes())
    taken = {group["group"]: group["taken"] for group in manifest["groups"]}
    assert taken["zh"] == pytest.approx(3 * taken["en"], rel=0.15)
    assert manifest["bytes"] < 9000
    assert (done.path / "tokenizer.json").read_bytes() != (other.path / "tokenizer.json").read_bytes()
    with pytest.raises(LmloopError, match="names 'fr'"):
        train(project, by="lang", quota={"fr": 1})


def test_transformers_opens_the_folder(project):
    transformers = pytest.importorskip("transformers")
    done = train(project)
    theirs, ours = transformers.AutoTokenizer.from_pretrained(done.path), Tokenizer.load(done.path)
    text = "The river. 这座城市\n"
    assert theirs(text, add_special_tokens=False).input_ids == ours.encode_batch([text])[0].tolist()
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id) == (ours.bos_id, ours.eos_id, ours.pad_id)
    turns = [{"role": "user", "content": "你好"}]
    chat = theirs.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert chat == "<|im_start|>user\n你好<|im_end|>\n<|im_start|>assistant\n"
    assert theirs(chat, add_special_tokens=False).input_ids == ours.encode(chat, specials=True).tolist()


def test_settings_that_cannot_be_are_refused(project):
    for settings, told in (
        ({"vocab_size": 330, "spares": 100}, "must hold 256 bytes"),
        ({"algorithm": "unigram", "trainer": "rustbpe"}, "learned by sentencepiece"),
        ({"trainer": "sentencepiece"}, "byte pairs are learned by"),
    ):
        with pytest.raises(LmloopError, match=told):
            train(project, **settings)


def test_an_extension_in_a_recipe_is_proven_and_compared(project):
    base = {"id": "base", "use": "tokenizer", "from": ["en"], "vocab_size": 384}
    wider = {"id": "wider", "use": "extend-tokenizer", "from": ["base", "rows"], "pieces": 40}
    settings = {"by": "lang", "pair": "same", "max_mb": 1}
    beside = {"id": "beside", "use": "compare-tokenizers", "from": ["base", "wider", "held"], **settings}
    page = {"id": "page", "use": "report", "from": ["beside"]}
    done = make(project, raw("en"), raw(), raw("held"), base, wider, beside, page)
    metrics = done["wider"].metrics
    assert (metrics["added"], metrics["proof/changed"], metrics["proof/unreachable"]) == (40, 0, 0)
    rowmap = json.loads((done["wider"].path / "rowmap.json").read_bytes())
    assert (rowmap["old_size"], rowmap["new_size"]) == (384, 448)
    scores = json.loads((done["beside"].path / "scores.json").read_bytes())
    english = [scores[name]["groups"]["en"]["bytes_per_token"]["value"] for name in ("base", "wider")]
    assert english[0] == english[1]
    chinese = [scores[name]["groups"]["zh"]["parity"]["value"] for name in ("base", "wider")]
    assert chinese[1] < 0.7 * chinese[0]
    assert scores["wider"]["round_trip"]["lost"] == 0
    html = (done["page"].path / "report.html").read_text(encoding="utf-8")
    assert "Tokenizers side by side" in html


def test_what_an_extension_needs_is_said(project):
    step = {"id": "wider", "use": "extend-tokenizer", "from": ["rows"]}
    with pytest.raises(LmloopError, match="there must be one tokenizer to extend"):
        make(project, raw(), step)


def test_a_model_is_resized_in_a_recipe(project):
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=384, num_key_value_heads=1, **small))
    model.save_pretrained(project / "model")
    base = {"id": "base", "use": "tokenizer", "from": ["en"], "vocab_size": 384}
    wider = {"id": "wider", "use": "extend-tokenizer", "from": ["base", "rows"], "pieces": 40}
    larger = {"id": "larger", "use": "resize-model", "from": ["wider"], "model": "model"}
    done = make(project, raw("en"), raw(), base, wider, larger)["larger"]
    assert (done.metrics["old_rows"], done.metrics["new_rows"]) == (384, 448)
    assert transformers.AutoModelForCausalLM.from_pretrained(done.path).config.vocab_size == 448
    assert Tokenizer.load(done.path).vocab_size == 448
