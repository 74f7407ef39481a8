"""Rows of examples: every example in its turn, and nothing of one in another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.rows import IGNORED, NOBODY
from lmloop.kernels.example_rows import ExampleBatches, Filled
from lmloop.kernels.examples import Example, Examples, ExampleWriter, crossed


def examples(tmp_path, lengths, tasks=("a",)):
    """Examples whose tokens tell which they are of: 100 * number + place; every other token is learnt."""
    writer = ExampleWriter()
    for number, length in enumerate(lengths):
        ids = [100 * number + place for place in range(length)]
        writer.add([Example(ids, [place % 2 == 1 for place in range(length)], length)], tasks[number % len(tasks)])
    writer.write(tmp_path / "x.npz")
    return Examples.load([(tmp_path / "x.npz", list(writer.names))], sorted(tasks))


@given(lengths=st.lists(st.integers(2, 17), min_size=1, max_size=25), rows=st.integers(1, 4), epochs=st.integers(1, 3))
def test_packed_rows_hold_every_example_once_an_epoch_and_keep_them_apart(tmp_path_factory, lengths, rows, epochs):
    known = examples(tmp_path_factory.mktemp("e"), lengths)
    batches = ExampleBatches(Filled(known, 16, [1.0], epochs, 5), rows)
    seen = np.zeros(len(lengths), int)
    for step in range(batches.steps):
        made = batches.batch(step)
        assert made.tokens_BT.shape == (rows, 16)
        again = batches.batch(step)
        assert np.array_equal(made.tokens_BT, again.tokens_BT)
        for row in range(rows):
            documents = made.documents_BT[row]
            for document in set(documents.tolist()) - {NOBODY}:
                inside = documents == document
                tokens, targets = made.tokens_BT[row, inside], made.targets_BT[row, inside]
                number = tokens[0] // 100
                assert tokens.tolist() == [100 * number + place for place in range(lengths[number] - 1)]
                learnt = [100 * number + p if p % 2 else IGNORED for p in range(1, lengths[number])]
                assert targets.tolist() == learnt
                assert made.positions_BT[row, inside].tolist() == list(range(lengths[number] - 1))
                seen[number] += 1
            assert (made.targets_BT[row, documents == NOBODY] == IGNORED).all()
    assert (seen == epochs).all()


def test_tasks_are_read_as_often_as_they_weigh(tmp_path):
    known = examples(tmp_path, [5] * 40, ("a", "b"))
    filled = Filled(known, 16, [2.0, 0.5], 4.0, 1)
    drawn = np.concatenate(filled.rows)
    counts = np.bincount(drawn, minlength=40)
    assert counts[known.tasks == 0].tolist() == [8] * 20
    assert counts[known.tasks == 1].tolist() == [2] * 20


def test_pairs_stay_together_and_come_again_to_fill_the_last_step(tmp_path):
    known = examples(tmp_path, [4, 6] * 5)
    batches = ExampleBatches(Filled(known, 16, [1.0], 1.0, 1, group=2, packed=False), 4)
    assert batches.steps == 3
    numbers = [batches.batch(step).tokens_BT[:, 0] // 100 for step in range(3)]
    for row in numbers:
        assert ((row[0::2] % 2 == 0) & (row[1::2] == row[0::2] + 1)).all()
    assert set(np.concatenate(numbers).tolist()) == set(range(10))
    rows = batches.batch(0)
    assert rows.valid == 2
    assert rows.part(0, 2).valid == 1
    assert rows.tokens_BT.shape == (4, 8)


def test_a_crossed_example_has_its_own_prompt_and_the_next_ones_reply(tmp_path):
    writer = ExampleWriter()
    writer.add([Example([1, 2, 3], [False, False, True], 1), Example([4, 5, 6], [False, True, True], 2, False)], "a")
    writer.write(tmp_path / "x.npz")
    found = crossed(Examples.load([(tmp_path / "x.npz", ["a"])], ["a"]))
    assert [found.read(number)[0].tolist() for number in range(4)] == [[1, 2, 3], [1, 2, 5, 6], [4, 5, 6], [4, 3]]
    assert found.read(3)[1].tolist() == [False, True]
    assert found.good.tolist() == [1, 1, 0, 0]


def test_damaged_examples_are_told(tmp_path):
    from lmloop.core.errors import DataError

    (tmp_path / "x.npz").write_bytes(b"no")
    with pytest.raises(DataError, match="cannot be read"):
        Examples.load([(tmp_path / "x.npz", ["a"])], ["a"])
