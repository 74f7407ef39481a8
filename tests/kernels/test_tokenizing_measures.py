import base64
import io
import json
import math

import numpy as np
import pyarrow as pa
import pytest
from tokenizing_texts import both, english

from lmloop.core.errors import DataError, RecipeError
from lmloop.kernels.tokenizing import Tokenizer, folder
from lmloop.kernels.tokenizing.byte_pairs import byte_pairs
from lmloop.kernels.tokenizing.formats import open_tokenizer
from lmloop.kernels.tokenizing.linting import by_reason, lint, shown, typed_specials, unreachable
from lmloop.kernels.tokenizing.measures import (
    compare_ratios,
    digits_table,
    losses,
    ratio,
    renyi_efficiency,
    round_trip,
    sizes,
    whole_numbers,
    words,
)
from lmloop.kernels.tokenizing.patterns import pattern
from lmloop.kernels.tokenizing.sampling import Tally, shares
from lmloop.kernels.tokenizing.toy import byte_tokenizer
from lmloop.kernels.tokenizing.training import BOS, EOS, PAD, Plan, train_reference

spm = pytest.importorskip("sentencepiece")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Tokenizer:
    place = tmp_path_factory.mktemp("trained")
    core = train_reference(iter(both(300)), Plan(768, pattern("gpt4")))
    folder.write(core, place, folder.config([]), "")
    return Tokenizer.load(place)


def test_nothing_of_unicode_is_lost_by_ours_and_much_by_one_that_normalizes(trained, tmp_path):
    trip = round_trip(trained, texts=100)
    assert (trip.characters, trip.lost, trip.texts_lost) == (0x110000 - 2048, 0, 0)
    made = io.BytesIO()
    lines = [line for text in english(100) for line in text.splitlines() if line]
    spm.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=made, vocab_size=100, minloglevel=2)
    (tmp_path / "other.model").write_bytes(made.getvalue())
    other = open_tokenizer(tmp_path / "other.model")
    assert losses(other, pa.array(["a river", "ａ river", "龘"], pa.large_string())) == [1, 2]


def test_ratios_have_intervals_over_documents():
    draw = np.random.default_rng(0)
    tokens = draw.integers(50, 150, 400).astype(float)
    found = ratio(4 * tokens + draw.normal(0, 20, 400), tokens)
    assert found.low < 4 < found.high
    assert found.high - found.low < 0.2
    assert ratio(tokens, tokens) == compare_ratios((tokens, tokens), (tokens, tokens))
    assert math.isnan(ratio(np.zeros(0), np.zeros(0)).value)
    halved = compare_ratios((tokens / 2, tokens), (tokens, tokens))
    assert (halved.value, halved.low, halved.high) == pytest.approx((0.5, 0.5, 0.5))


def test_efficiency_is_that_of_the_formula():
    counts = np.array([4, 2, 1, 1, 0, 0, 0, 0])
    share = np.array([0.5, 0.25, 0.125, 0.125])
    assert renyi_efficiency(counts) == pytest.approx(math.log((share**2.5).sum()) / -1.5 / math.log(8))
    assert renyi_efficiency(counts, 1.0) == pytest.approx(1.75 / 3)
    assert renyi_efficiency(np.ones(8, np.int64)) == pytest.approx(1.0)
    assert math.isnan(renyi_efficiency(np.zeros(8, np.int64)))


def test_sizes_of_documents_in_both_languages(trained):
    column = pa.array(["The river, it isn't wide.", "人工智能 模型", ""], pa.large_string())
    found = sizes(trained, column)
    assert found.bytes.tolist() == [25, 19, 0]
    assert found.characters.tolist() == [25, 7, 0]
    assert words(column).tolist() == [5, 4, 0]
    assert found.counts.sum() == found.tokens.sum()


def test_numbers(trained, tmp_path):
    alone = Tokenizer.load(byte_tokenizer())
    assert digits_table(alone) == {1: 2.0, 2: 3.0, 3: 4.0, 4: 5.0}
    assert whole_numbers(alone) == 0.0
    assert digits_table(trained)[4] <= 5.0


def test_every_format_opens_and_gives_the_same(trained, tmp_path):
    pairs = byte_pairs(trained.core)
    ranks = sorted(pairs.tokens.items())
    lines = (b"%s %d\n" % (base64.b64encode(token), number) for number, token in ranks)
    (tmp_path / "ours-cl100k.tiktoken").write_bytes(b"".join(lines))
    file = open_tokenizer(tmp_path / "ours-cl100k.tiktoken")
    texts = pa.array(["a town and a river", "语言模型"], pa.large_string())
    assert file.encode_column(texts)[0].tolist() == trained.encode_column(texts)[0].tolist()
    assert file.vocab_size == trained.core.get_vocab_size(with_added_tokens=False)
    assert file.tokens == trained.tokens[: file.vocab_size]
    for name, content in (("x.model", b"\xff"), ("x.tiktoken", b"? ?"), ("x.json", b"{"), ("x.bin", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError):
            open_tokenizer(tmp_path / name)
    (tmp_path / "part.tiktoken").write_bytes(b"YQ== 0\nYg== 1\n")
    with pytest.raises(DataError, match="254 of 256 bytes have no rank, the first is 0x00"):
        open_tokenizer(tmp_path / "part.tiktoken")


def test_a_token_out_of_reach_is_found_and_one_that_needs_a_letter_before_it_is_not(trained, tmp_path):
    assert unreachable(trained) == []
    content = json.loads(trained.core.to_str())
    vocab = content["model"]["vocab"]
    # no merge makes "zqx"; ten digits never stand in one piece
    vocab["zqx"], vocab["1234567890"] = len(vocab), len(vocab) + 1
    content["added_tokens"] = []
    core = type(trained.core).from_str(json.dumps(content))
    assert unreachable(Tokenizer(core, {}, "")) == [vocab["zqx"], vocab["1234567890"]]
    # an apostrophe's ending is cut off at the beginning of a text, and whole behind a letter
    tail = [number for number, token in enumerate(trained.tokens) if token == b"'t"]
    assert tail
    assert not set(tail) & set(unreachable(trained))


def test_lint_joins_what_tokens_are_with_how_often_they_occurred(trained):
    counts = np.full(trained.vocab_size, 1000, np.int64)
    rare, unused = (n for n, token in enumerate(trained.tokens) if token in (b" river", b" town"))
    counts[rare], counts[unused] = 3, 0
    found = lint(trained, counts)
    assert {(item.id, item.reason) for item in found} >= {(rare, "under-trained"), (unused, "unused")}
    parts = lint(trained, np.where(np.arange(len(counts)) == rare, 30, 10_000), [(rare, 700)])
    assert [item.detail for item in parts if item.reason == "only-inside"] == [shown(trained.tokens[700])]
    assert by_reason(found)["partial"] == sum(item.reason == "partial" for item in found)
    assert shown(b" the\n") == "␣the\\n"
    assert shown("中".encode()[:2]) == "\\xe4\\xb8"


def test_special_tokens_that_can_be_typed(trained):
    assert typed_specials(trained.core, [BOS, EOS, PAD, "no special one"]) == [BOS, EOS, PAD]
    assert trained.encode("<|eos|>", specials=True).tolist() == [trained.eos_id]
    assert trained.eos_id not in trained.encode("<|eos|>")
    assert trained.decode(trained.encode("中 <|eos|>", specials=True)) == "中 <|eos|>"


def tally(**sizes_of: tuple[int, int]) -> Tally:
    found, draw = Tally(), np.random.default_rng(0)
    for name, (documents, size) in sizes_of.items():
        hashes = draw.integers(0, 2**63, documents, np.uint64) * np.uint64(2)
        found.add(np.array([name] * documents, object), hashes, np.full(documents, size, np.int64))
    return found


def test_shares_by_size_quota_and_temperature():
    found = tally(en=(9000, 100), zh=(1000, 100))
    taken = {
        name: {share.group: share.taken for share in made}
        for name, made in {
            "size": shares(found, 100_000, {}, 1.0),
            "even": shares(found, 100_000, {}, 1e9),
            "warm": shares(found, 100_000, {}, 2.0),
            "quota": shares(found, 100_000, {"en": 3, "zh": 1}, 1.0),
            "one": shares(found, 100_000, {"zh": 1}, 1.0),
            "all": shares(found, 10**9, {}, 1.0),
            "scarce": shares(found, 500_000, {"en": 1, "zh": 1}, 1.0),
        }.items()
    }
    near = {name: {group: round(size, -3) for group, size in row.items()} for name, row in taken.items()}
    assert near["size"] == {"en": 90_000, "zh": 10_000}
    assert near["even"] == {"en": 50_000, "zh": 50_000}
    assert near["warm"] == {"en": 75_000, "zh": 25_000}
    assert near["quota"] == {"en": 75_000, "zh": 25_000}
    assert near["one"] == {"en": 0, "zh": 100_000}
    assert taken["all"] == {"en": 900_000, "zh": 100_000}
    assert near["scarce"] == {"en": 400_000, "zh": 100_000}
    with pytest.raises(RecipeError, match="names 'fr'"):
        shares(found, 1000, {"fr": 1}, 1.0)
