import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmloop.nn.inference.laying import Budget, Text, bundles
from lmloop.nn.inference.trie import grow

SEQUENCES = st.lists(st.lists(st.integers(0, 2), max_size=6), min_size=1, max_size=12)


def way(node):
    """All tokens from the root to a node's end."""
    parts = []
    while node is not None:
        parts.append(node.tokens)
        node = node.parent
    return np.concatenate(parts[::-1]).tolist()


@given(SEQUENCES)
def test_each_sequence_ends_where_its_tokens_lead_and_no_stretch_is_there_twice(sequences):
    root, last = grow([np.array(sequence, np.uint32) for sequence in sequences])
    assert [way(node) for node in last] == sequences
    nodes = list(root.below())
    prefixes = {tuple(sequence[:length]) for sequence in sequences for length in range(1, len(sequence) + 1)}
    assert sum(len(node.tokens) for node in nodes) == len(prefixes) == root.size
    assert root.leaves == len(sequences)
    for node in nodes:
        firsts = [int(child.tokens[0]) for child in node.children]
        assert len(set(firsts)) == len(firsts)
        assert len(node.children) != 1 or node.ends or node is root  # no stretch is cut without need


def test_bundles_hold_what_fits_and_one_text_at_least():
    root, _ = grow([np.full(size, token, np.uint32) for token, size in enumerate((5, 1, 3, 9, 2))])
    texts = [Text(child, 0) for child in root.children]
    sizes = [[text.size for text in bundle] for bundle in bundles(texts, 6)]
    assert sizes == [[1, 2, 3], [5], [9]]


def test_a_stretch_is_read_alone_where_many_share_it():
    shared = np.arange(40, dtype=np.uint32)
    root, _ = grow([np.append(shared, [100 + number] * 3).astype(np.uint32) for number in range(4)])
    (stem,) = root.children
    assert Text(stem, 0).alone(Budget(text=10, worth=100))
    assert not Text(stem, 0).alone(Budget(text=50, worth=1000))
