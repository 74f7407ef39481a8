import time

from hypothesis import given
from hypothesis import strategies as st

from lmloop.report.blocks import Span
from lmloop.report.prose import Piece, clean, difference, ellipsis, is_long, marked

SPANS = st.lists(st.builds(Span, st.integers(-3, 30), st.integers(-3, 30)), max_size=5)


def test_clean_shows_what_cannot_be_seen() -> None:
    assert clean("a\x00b\x1b\x7f\x85\ud800") == "a␀b␛␡\ufffd\ufffd"
    assert clean("one\r\ntwo\tthree\n") == "one\ntwo\tthree\n"
    assert clean("春天 🙂 é") == "春天 🙂 é"


@given(st.text(st.characters()))
def test_clean_text_can_be_written(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    clean(text).encode()


def test_ellipsis_counts_ideographs_twice() -> None:
    assert ellipsis("abcdef", 6) == "abcdef"
    assert ellipsis("abcdefg", 6) == "abcde…"
    assert ellipsis("春天来了", 6) == "春天…"


@given(st.text(max_size=20), SPANS)
def test_marked_pieces_are_the_text(text: str, spans: list[Span]) -> None:
    spans = [span for span in spans if span.start >= 0]
    pieces = marked(text, spans)
    assert "".join(piece.text for piece in pieces) == text
    assert sum(len(piece.text) for piece in pieces if piece.kind) == len(
        {place for span in spans for place in range(span.start, min(span.end, len(text)))}
    )


def test_difference_goes_by_words_and_ideographs() -> None:
    assert difference("the cat sat", "the dog sat") == [
        *(Piece("the "), Piece("cat", "kept"), Piece("dog", "dropped"), Piece(" sat"))
    ]
    assert difference("一片金黄。", "一片碧绿。") == [
        *(Piece("一片"), Piece("金黄", "kept"), Piece("碧绿", "dropped"), Piece("。"))
    ]


@given(st.text(max_size=40), st.text(max_size=40))
def test_difference_loses_nothing(kept: str, dropped: str) -> None:
    pieces = difference(kept, dropped)
    assert "".join(piece.text for piece in pieces if piece.kind != "dropped") == kept
    assert "".join(piece.text for piece in pieces if piece.kind != "kept") == dropped


def test_long_texts() -> None:
    assert not is_long("word " * 100)
    assert is_long("春" * 400)
    assert is_long("\n" * 10)


def test_repetitive_texts_do_not_take_seconds() -> None:
    started = time.process_time()
    difference("的" * 400, "的是" * 200)
    assert time.process_time() - started < 0.3
