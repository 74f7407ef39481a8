from lmloop.ops.length import Length


def test_both_ends_are_kept_and_counted_in_characters():
    outcome = Length(min_characters=2, max_characters=4)(["一", "一二", "abcd", "abcde", ""])
    assert outcome.texts == ["一二", "abcd"]
    assert outcome.reasons == {"short": 2, "long": 1}
    assert outcome.dropped.column("stats.length.characters").to_pylist() == [1, 5, 0]
