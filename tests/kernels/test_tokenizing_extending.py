import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sentencepiece_models import PLAIN, train_model
from tokenizing_texts import both, chinese, english

from lmloop.core.errors import DataError, RecipeError, StepError
from lmloop.kernels.text import text_buffer
from lmloop.kernels.tokenizing import Tokenizer, extending, folder, proving, sentencepieces
from lmloop.kernels.tokenizing.backends import split
from lmloop.kernels.tokenizing.byte_pairs import byte_pairs
from lmloop.kernels.tokenizing.counting import PieceCounter
from lmloop.kernels.tokenizing.patterns import pattern
from lmloop.kernels.tokenizing.resizing import resize
from lmloop.kernels.tokenizing.scripts import is_written_in, script
from lmloop.kernels.tokenizing.training import BOS, EOS, PAD, Plan, train_reference
from lmloop.kernels.tokenizing.units import Goal

HAN = script("Han")
LINES = [line for text in english(200, 9) for line in text.splitlines()]


def piece_counts(base: Tokenizer, texts: list[str]):
    counter = PieceCounter(byte_pairs(base.core).cut)
    counter.add(text_buffer(pa.array(texts)))
    return counter.counted()


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Tokenizer:
    """A tokenizer of English, as the reference library trains it."""
    place = tmp_path_factory.mktemp("base")
    core = train_reference(iter(english(400)), Plan(512, pattern("gpt4"), (BOS, EOS, PAD)))
    folder.write(core, place, folder.config([]), "")
    return Tokenizer.load(place)


@pytest.fixture(scope="module")
def wider(base, tmp_path_factory) -> tuple[Tokenizer, extending.Addition]:
    place = tmp_path_factory.mktemp("wider")
    counted = piece_counts(base, both(300, 3))
    addition, _ = extending.reachable_only(base, extending.learn_addition(base, counted, Goal(200, HAN)), counted)
    folder.write(extending.extended(base, addition, 64), place, base.config, "")
    return Tokenizer.load(place), addition


def rows_of(base: Tokenizer, addition: extending.Addition, new: Tokenizer):
    return extending.rows(base.vocab_size, new.vocab_size, extending.means(base, addition), {})


def tokens(tokenizer, texts) -> int:
    return int(tokenizer.encode_column(pa.array(texts, pa.large_string()))[1].sum())


def test_other_text_keeps_its_ids_and_the_script_gets_shorter(base, wider):
    new, addition = wider
    proof = proving.prove(base, new, LINES, HAN)
    assert (proof.changed, proof.lines) == (0, len(LINES))
    assert len(addition.tokens) == 200
    assert new.vocab_size % 64 == 0
    assert (new.bos_id, new.eos_id, new.pad_id) == (base.bos_id, base.eos_id, base.pad_id)
    assert tokens(new, chinese(50, 8)) < 0.5 * tokens(base, chinese(50, 8))
    texts = [*both(40, 5), "前后<|eos|>"]
    assert [new.decode(ids) for ids in new.encode_batch(texts)] == texts
    assert new.backend == "compiled"


def test_no_new_token_is_out_of_reach(wider):
    new, addition = wider
    assert proving.new_unreachable(new, addition.start, None) == []


def test_a_token_is_left_out_with_all_that_is_made_of_it():
    whole = extending.Addition(10, [b"a", b"b", b"c", b"d"], [(1, 2, 10), (10, 3, 11), (4, 5, 12), (12, 6, 13)])
    left = whole.without({10})
    assert left == extending.Addition(10, [b"c", b"d"], [(4, 5, 10), (10, 6, 11)])


def test_new_rows_begin_as_the_mean_of_their_old_pieces(base, wider):
    new, addition = wider
    rowmap = rows_of(base, addition, new)
    assert rowmap["rows"] == list(range(base.vocab_size))
    for n, token in enumerate(addition.tokens):
        assert b"".join(base.tokens[part] or b"" for part in rowmap["means"][str(addition.start + n)]) == token


def test_what_everybody_does_changes_english(base):
    """Append the merges of a second tokenizer, English ones included: ids change, and the proof says so."""
    other = train_reference(iter(both(400, 2)), Plan(800, pattern("gpt4"), (BOS, EOS, PAD)))
    content, donor = json.loads(base.core.to_str()), json.loads(other.to_str())
    vocab = content["model"]["vocab"]
    vocab.update({token["content"]: token["id"] for token in content["added_tokens"]})
    for token in donor["model"]["vocab"]:
        vocab.setdefault(token, len(vocab))
    known = [list(pair) for pair in content["model"]["merges"]]
    content["model"]["merges"] += [pair for pair in donor["model"]["merges"] if pair not in known]
    naive = Tokenizer(type(base.core).from_str(json.dumps(content)), base.config, "")
    before, after = base.encode_batch(LINES), naive.encode_batch(LINES)
    changed = np.mean([not np.array_equal(old, new) for old, new in zip(before, after, strict=True)])
    assert changed > 0.05
    with pytest.raises(StepError, match="would be encoded in another way"):
        proving.prove(base, naive, LINES, HAN)


def test_sentencepiece_models_are_extended_without_drift_and_naively_with_it():
    model, other = (train_model(*plan, "bpe", **PLAIN) for plan in ((english(300), 420), (both(300, 2), 700)))
    pieces, _ = sentencepieces.learn_pieces(model, both(200, 3), Goal(150, HAN))
    base, new = (sentencepieces.open_model(content) for content in (model, sentencepieces.below_all(model, pieces)))
    assert proving.prove(base, new, LINES, HAN).changed == 0
    assert proving.new_unreachable(new, base.vocab_size, None) == []
    assert tokens(new, chinese(50, 8)) < 0.5 * tokens(base, chinese(50, 8))
    means = sentencepieces.means(model, pieces)
    for n, piece in enumerate(pieces):
        assert b"".join(base.tokens[part] or b"" for part in means[base.vocab_size + n]).decode() == piece

    known = {base.model.id_to_piece(n) for n in range(base.vocab_size)}
    donor = sentencepieces.open_model(other)
    extra = [donor.model.id_to_piece(n) for n in range(donor.vocab_size)]
    naive = sentencepieces.open_model(sentencepieces.append(model, [(p, 0.0) for p in extra if p not in known]))
    before, after = (split(item.encode_column(pa.array(LINES, pa.large_string()))) for item in (base, naive))
    assert np.mean([not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]) > 0.05


def test_what_cannot_be_extended_is_said(base, tmp_path):
    with pytest.raises(DataError, match="it is of whole words"):
        sentencepieces.kind_of(train_model(english(100), 400, "word", **PLAIN))
    with pytest.raises(RecipeError, match="no script called 'Klingon'"):
        script("Klingon")
    with pytest.raises(DataError, match="no text of the script"):
        extending.learn_addition(base, piece_counts(base, english(20)), Goal(10, HAN))


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("中", True),
        ("中文", True),
        ("中a", False),
        (" 中", False),
        ("，中", False),
        (b"\xe4\xb8", True),
        (b"\xe4", False),
        (b"\xe4\xb7", False),
        (b"\xb8\xad", False),
        ("中".encode() + b"\xe4", True),
        (b"\xe3\x80", False),
        (b"", False),
    ],
)
def test_a_token_of_a_script_stands_in_no_other_text(token, expected):
    data = np.frombuffer(token.encode() if isinstance(token, str) else token, np.uint8)
    # as the compiled loop sees it, and as plain Python
    assert is_written_in.py_func(data, len(data), HAN) is expected


@pytest.mark.parametrize(("tied", "kind"), [(True, "float32"), (False, "float32"), (True, "bfloat16")])
def test_a_resized_model_gives_the_same_for_old_ids(base, wider, tmp_path: Path, tied, kind):
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    new, addition = wider
    config = transformers.LlamaConfig(
        vocab_size=base.vocab_size,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        tie_word_embeddings=tied,
    )
    torch.manual_seed(1)
    model = transformers.LlamaForCausalLM(config).to(getattr(torch, kind)).eval()
    model.save_pretrained(tmp_path / "old", max_shard_size="20KB")
    rowmap = rows_of(base, addition, new)
    (tmp_path / "new").mkdir()
    done = resize(tmp_path / "old", rowmap, tmp_path / "new")
    assert len(done.tensors) == (1 if tied else 2)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "new", dtype=getattr(torch, kind)).eval()
    assert loaded.get_input_embeddings().num_embeddings == new.vocab_size
    ids = torch.tensor(base.encode_batch([LINES[0]])[0].astype(np.int64))[None]
    with torch.no_grad():
        one, other = model(ids).logits, loaded(ids).logits
    # in 16 bits, a larger matrix is multiplied in other blocks, and rounded otherwise
    assert torch.allclose(one, other[..., : base.vocab_size], rtol=0, atol=0 if kind == "float32" else 0.01)
    assert torch.equal(model.get_input_embeddings().weight, loaded.get_input_embeddings().weight[: base.vocab_size])
    rows = loaded.get_output_embeddings().weight.detach().float()
    first = rowmap["means"][str(addition.start)]
    expected = model.get_output_embeddings().weight.detach().float()[first].mean(dim=0)
    assert torch.allclose(rows[addition.start], expected.to(getattr(torch, kind)).float())


def test_a_model_of_another_tokenizer_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"vocab_size": 10}')
    with pytest.raises(DataError, match="has 10 rows, but its tokenizer had 20 ids"):
        resize(tmp_path, {"old_size": 20, "new_size": 30, "means": {}}, tmp_path)
    with pytest.raises(DataError, match=r"no \*.safetensors file"):
        resize(tmp_path, {"old_size": 8, "new_size": 30, "means": {}}, tmp_path)
    with pytest.raises(DataError, match="is not the configuration of a model"):
        resize(tmp_path / "nowhere", {"old_size": 8, "new_size": 30, "means": {}}, tmp_path)
