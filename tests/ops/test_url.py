"""Addresses against datatrove's rules, written plainly, where the definitions are the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmloop.core.batch import from_records
from lmloop.core.record import Record
from lmloop.ops.url import Url

LISTS = {
    "domains": "bad.com\nsub.other.org\n# a remark\n例子.中国\n",
    "urls": "https://www.fine.net/bad/page\n",
    "words": "casino\n",
    "soft_words": "free\nwin\n",
    "subwords": "viagra\n",
}


@pytest.fixture
def op(tmp_path):
    for name, lines in LISTS.items():
        (tmp_path / name).write_text(lines, encoding="utf-8")
    return Url(**{name: [str(tmp_path / name)] for name in LISTS})


def judge(op, *addresses):
    records = [
        Record("x", meta={} if address is None else {"url": address}, id=str(i)) for i, address in enumerate(addresses)
    ]
    outcome = op.apply(from_records(records))
    dropped = dict(zip(*(outcome.dropped.column(name).to_pylist() for name in ("id", "drop.reason")), strict=True))
    return [dropped.get(str(i), "kept") for i in range(len(addresses))]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://bad.com/", "domain"),
        ("https://www.a.b.bad.com:8080/x?y", "domain"),
        ("http://notbad.com/bad.com", "kept"),
        ("http://sub.other.org/", "domain"),
        ("http://other.org/", "kept"),
        ("http://例子.中国/新闻", "domain"),
        ("http://fine.net/bad/page#top", "url"),
        ("http://fine.net/bad/page/2", "kept"),
        ("http://x.com/the-Casino/", "word"),
        ("http://x.com/casinos", "kept"),
        ("http://x.com/free-win", "soft-words"),
        ("http://x.com/free-free-free", "kept"),
        ("http://x.com/buy-via-gra-now", "subword"),
        ("http://x.com/cheapviagra1", "subword"),
        ("http://[broken/", "kept"),
        ("", "kept"),
        (None, "kept"),
        (17, "kept"),
    ],
)
def test_each_list(op, address, reason):
    assert judge(op, address) == [reason]


@given(
    st.lists(st.sampled_from(["casino", "free", "win", "via", "gra", "viagra", "x", "CASINO"]), max_size=6), st.data()
)
def test_words_are_counted_as_the_peer_does(tmp_path_factory, words, data):
    folder = tmp_path_factory.mktemp("lists")
    for name in ("words", "soft_words", "subwords"):
        (folder / name).write_text(LISTS[name])
    op = Url(**{name: [str(folder / name)] for name in ("words", "soft_words", "subwords")})
    address = "http://h.org/" + "".join(word + data.draw(st.sampled_from("-_/.%")) for word in words)
    found = set(re.split("[^a-z0-9]+", address.lower()))
    expected = (
        "word"
        if "casino" in found
        else "soft-words"
        if {"free", "win"} <= found
        else "subword"
        if "viagra" in re.sub("[^a-z0-9]+", "", address.lower())
        else "kept"
    )
    assert judge(op, address) == [expected]
