from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokens_folder import BEGIN, END, make_tokens, some_documents

from lmloop.core.errors import DataError
from lmloop.core.rows import IGNORED
from lmloop.kernels.order import Mixture
from lmloop.kernels.packed import Index, streams
from lmloop.kernels.windows import Measured, Mixed, Windows, as_rows


def mixed(folder, context=16, rows=8, steps=20, seed=3):
    windows = {name: Windows(stream, context) for name, stream in streams(folder, Index.read(folder)).items()}
    weights = {name: [(0.0, float(window.count))] for name, window in windows.items()}
    return Mixed(windows, Mixture(weights, rows, steps), seed, {})


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=30), context=st.integers(2, 40))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_token_is_a_target_exactly_once_in_an_epoch_but_for_each_documents_first(
    tmp_path_factory, lengths, context
):
    folder = tmp_path_factory.mktemp("tokens")
    documents = [[3 + n % 61] * length for n, length in enumerate(lengths)]
    index = make_tokens(folder, {"a": documents})
    windows = Windows(streams(folder, index)["a"], context)
    seen: Counter[int] = Counter()
    for number in range(windows.count):
        rows = as_rows([windows.read(number)], context)
        seen.update(rows.targets_BT[rows.targets_BT != IGNORED].tolist())
    wanted: Counter[int] = Counter()
    for ids in documents:
        wanted.update([*ids, END])
    assert seen == wanted


def test_rows_know_their_documents_and_count_positions_in_each(tmp_path):
    index = make_tokens(tmp_path, {"a": [[10, 11], [20], [30, 31, 32]]}, pieces=1)
    windows = Windows(streams(tmp_path, index)["a"], 8)
    rows = as_rows([windows.read(0)], 8)
    assert rows.tokens_BT[0].tolist() == [BEGIN, 10, 11, END, BEGIN, 20, END, BEGIN]
    assert rows.targets_BT[0].tolist() == [10, 11, END, IGNORED, 20, END, IGNORED, 30]
    assert rows.positions_BT[0].tolist() == [0, 1, 2, 3, 0, 1, 2, 0]
    assert rows.documents_BT[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 2]


def test_a_batch_hangs_on_seed_and_step_alone(tmp_path):
    make_tokens(tmp_path, {"a": some_documents(60, 1), "b": some_documents(30, 2)})
    one, other = mixed(tmp_path), mixed(tmp_path)
    later = other.batch(11)
    for step in range(12):
        first = one.batch(step)
    assert np.array_equal(first.tokens_BT, later.tokens_BT)
    assert np.array_equal(first.targets_BT, later.targets_BT)
    assert not np.array_equal(mixed(tmp_path, seed=4).batch(11).tokens_BT, later.tokens_BT)


def test_an_epoch_reads_every_window_once_and_the_next_in_another_order(tmp_path):
    make_tokens(tmp_path, {"a": some_documents(40, 1)})
    batches = mixed(tmp_path)
    count = batches.windows["a"].count
    numbers = batches.numbers("a", np.arange(2 * count))
    first, second = numbers[:count].tolist(), numbers[count:].tolist()
    assert sorted(first) == sorted(second) == list(range(count))
    assert first != second


def test_what_is_measured_holds_each_chosen_document_whole(tmp_path):
    documents = some_documents(50, 5)
    index = make_tokens(tmp_path, {"held/a": documents, "a": documents})
    held = Measured(streams(tmp_path, index, held=True)["a"], 16, 10_000).held(4)
    targets = np.concatenate([rows.targets_BT[rows.targets_BT != IGNORED] for rows in held])
    assert len(targets) == sum(len(ids) + 1 for ids in documents)
    assert held.bytes == sum(3 * len(ids) for ids in documents)
    few = Measured(streams(tmp_path, index, held=True)["a"], 16, 100).held(4)
    assert 0 < few.bytes < held.bytes / 3


def test_a_file_of_another_length_is_told(tmp_path):
    index = make_tokens(tmp_path, {"a": some_documents(10, 1)})
    place = tmp_path / "data" / "00000.bin"
    place.write_bytes(place.read_bytes()[:-2])
    with pytest.raises(DataError, match=r"00000\.bin holds"):
        streams(tmp_path, index)["a"].read(0, 5)
