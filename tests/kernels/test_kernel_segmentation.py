import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from kernel_texts import TEXTS, buffer_of

from lmloop.kernels import segmentation
from lmloop.kernels.peer.words import peer_segment
from lmloop.kernels.segmentation import tokens_of
from lmloop.kernels.words import segment


@given(st.lists(TEXTS, max_size=6), st.data())
def test_tokens_of_rows_that_are_left_are_those_of_a_fresh_cut(texts, data):
    left = [text for text in texts if data.draw(st.booleans())]
    other = [*left, data.draw(TEXTS)]
    for column in (texts, left, left, other, texts):
        buffer = buffer_of(*column)
        for words, cut in (("unicode", segment), ("spacy-en", peer_segment)):
            for found, fresh in zip(tokens_of(buffer, words), cut(buffer), strict=True):
                np.testing.assert_array_equal(found, fresh)


def test_rows_are_cut_once(monkeypatch):
    texts = [f"row {n} of some" for n in range(20)]
    whole = tokens_of(buffer_of(*texts))
    monkeypatch.setattr(segmentation, "segment", None)
    assert tokens_of(buffer_of(*texts)) is whole
    assert tokens_of(buffer_of(*texts[3:7], *texts[12:])).first.tolist() == [4 * n for n in range(13)]
