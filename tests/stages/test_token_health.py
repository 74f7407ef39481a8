import json

import numpy as np
import pytest

from lmloop import run
from lmloop.core.errors import LmloopError
from lmloop.core.step import BLOCKS
from lmloop.kernels.tokenizing.health import health, known_unused
from lmloop.kernels.tokenizing.rows import TokenRows, read_token_rows
from lmloop.report import blocks
from lmloop.stages.token_health import TokenHealth
from lmloop.testing import check_step

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A tokenizer learned from two languages, and a model that reads one of them."""
    monkeypatch.chdir(tmp_path)
    texts = {
        "english": [
            f"the {name} has seen the sea, and number {n} has seen it too." for n in range(40) for name in "ab"
        ],
        "chinese": [f"我们在海边走了很久，看到了第{n}只鸟，大家都很高兴。" for n in range(40)],
    }
    for name, lines in texts.items():
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps({"text": line}) for line in lines))
    base = {"depth": 1, "context": 32, "tokens": 24_000, "batch": 256, "evaluate": {"sample_tokens": 0}}
    compute = {"precision": "fp32", "threads": 1, "compile": "off"}
    return {
        "name": "t",
        "step": [
            *({"id": n, "use": "ingest", "reader": {"use": "jsonl", "files": [f"{n}.jsonl"]}} for n in texts),
            {"id": "words", "use": "tokenizer", "from": [*texts], "vocab_size": 384},
            {"id": "tokens", "use": "pack", "from": ["english", "words"], "held": 0.1},
            {"id": "base", "use": "pretrain", "from": ["tokens"], **base, "model": {"width": 32}, "compute": compute},
            {"id": "look", "use": "token-health", "from": ["base", "tokens"]},
        ],
    }


def looked(folder):
    return [json.loads(line) for line in (folder / "tokens.jsonl").read_text(encoding="utf-8").splitlines()]


def test_passes_the_battery():
    check_step(TokenHealth.example())


@pytest.mark.parametrize("tied", [True, False])
def test_tokens_that_were_never_read_are_found_from_the_weights(recipe, tmp_path, tied):
    recipe["step"][4]["model"] = {"width": 32, "tied": tied}
    done = run(recipe, home=tmp_path / "runs", workers=1)
    rows = [row for row in looked(done["look"].path) if row["looks"] != "known unused"]
    never = {row["token"] for row in rows if row["count"] == 0}
    found = {row["token"] for row in rows if row["looks"]}
    assert any("海边" in token for token in never)
    assert len(found & never) > 0.9 * len(never)
    assert not {row["token"] for row in rows if row["count"] > 100} & found
    assert ("length" in rows[0]) == (not tied)
    metrics = done["look"].metrics
    assert metrics["known_unused"] == 13
    assert metrics["rho"] > 0.5
    # the same without the tokens that it read: told from the weights alone
    recipe["step"][5] = {"id": "alone", "use": "token-health", "model": str(done["base"].path)}
    alone = run(recipe, home=tmp_path / "runs", workers=1)["alone"]
    assert [row["token"] for row in looked(alone.path) if row["looks"] == "like the unused"] == [
        row["token"] for row in looked(done["look"].path) if row["looks"] == "like the unused"
    ]
    assert any(isinstance(block, blocks.Histogram) for block in blocks.read(alone.path / BLOCKS))


def test_an_unused_row_is_not_measured_against_itself():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 8)).astype(np.float32)
    found = health(TokenRows(rows, rows, True), [1, 2, 3])
    mean = rows[[1, 3]].mean(axis=0)
    assert found.distance is not None
    assert found.distance[2] == pytest.approx(
        1 - rows[2] @ mean / np.linalg.norm(rows[2]) / np.linalg.norm(mean), abs=1e-5
    )
    mean = rows[[1, 2, 3]].mean(axis=0)
    assert found.distance[9] == pytest.approx(
        1 - rows[9] @ mean / np.linalg.norm(rows[9]) / np.linalg.norm(mean), abs=1e-5
    )


def test_without_unused_rows_the_length_of_input_rows_tells_and_shared_ones_tell_nothing():
    rows = np.diag(np.arange(1.0, 6.0)).astype(np.float32)
    found = health(TokenRows(rows, rows[::-1].copy(), False), [])
    assert found.distance is None
    assert found.signs.tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(LmloopError, match="0 tokens are known to be unused"):
        health(TokenRows(rows, rows, True), [])


def test_bytes_that_no_text_has_and_rows_without_a_token_are_unused():
    assert known_unused([b"a", b"\xc0", None, b"\xff", b"\xc3"], 7) == [1, 3, 5, 6]


def test_half_precision_is_read(tmp_path):
    torch, files = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    embedding = torch.randn(6, 4).to(torch.bfloat16)
    head = torch.randn(6, 4).to(torch.float16)
    files.save_file({"wte.weight": embedding, "lm_head.weight": head}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"vocab_size": 6}')
    found = read_token_rows(tmp_path)
    assert np.array_equal(found.input, embedding.float().numpy())
    assert np.array_equal(found.output, head.float().numpy())
    assert not found.tied


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (lambda whole: whole[:-5], "lacks its last 5 bytes"),
        (lambda whole: whole[:20], "cannot be read as safetensors"),
        (lambda whole: b"", "cannot be read as safetensors"),
        (lambda whole: (2).to_bytes(8, "little") + b"[]", "cannot be read as safetensors"),
        (lambda whole: (12).to_bytes(8, "little") + b'{"wte": {}}\n', "cannot be read as safetensors"),
        (lambda whole: b"\xff" * 16, "cannot be read as safetensors"),
    ],
)
def test_a_damaged_file_is_one_message(tmp_path, content, told):
    torch, files = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    files.save_file({"wte.weight": torch.randn(6, 4)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"vocab_size": 6}')
    place = tmp_path / "model.safetensors"
    place.write_bytes(content(place.read_bytes()))
    with pytest.raises(LmloopError, match=told):
        read_token_rows(tmp_path)


def test_it_looks_at_one_model(recipe, tmp_path):
    with pytest.raises(LmloopError, match="looks at one model"):
        run({"name": "t", "step": [{"id": "look", "use": "token-health"}]}, home=tmp_path / "runs")
    with pytest.raises(LmloopError, match="there is no model"):
        run({"name": "t", "step": [{"id": "look", "use": "token-health", "model": "nowhere"}]}, home=tmp_path / "runs")
